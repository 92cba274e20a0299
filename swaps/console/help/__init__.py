"""The handbook, shown.

Begin in `page.py`.
"""
