"""The first page, and search.

Begin in `page.py`.
"""
