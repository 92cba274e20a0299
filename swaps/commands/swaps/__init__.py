"""Asking for a swap, and what may be asked of one that is under way.

Begin in `operations.py`; `requests.py` and `creation.py` make a swap of what was asked for.
"""
