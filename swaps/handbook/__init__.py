"""What people read: Markdown by reader, a folder each, in the repository and under `/help` alike.

Begin in `contents.py`, which lists the pages; `pages.py` renders them. Imports nothing of the
product: whoever shows a page asks this package for it.
"""
