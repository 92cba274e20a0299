"""The audit log: written, sealed, verified, exported.

Begin in `record.py`; `seal.py` chains what was written, `verify.py` finds what was changed.
"""
