"""The fleet at one glance: what needs a person, figures, search.

Begin in `concerns.py`.
"""
