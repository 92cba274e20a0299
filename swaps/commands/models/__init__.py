"""Changing, protecting and deleting models.

Begin in `edits.py`.
"""
