"""What all readings need: lists in pages, JSON, looks without a thread each.

Begin in `pages.py`.
"""
