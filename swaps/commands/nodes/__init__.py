"""Letting router nodes in, and ending them.

Begin in `ending.py`; `enrolment.py` issues certificates.
"""
