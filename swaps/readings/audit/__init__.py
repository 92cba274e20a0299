"""The audit log, read.

Begin in `entries.py`.
"""
