"""Adding, changing, trying and forgetting model hosts.

Begin in `edits.py`; `examination.py` tries a host step by step.
"""
