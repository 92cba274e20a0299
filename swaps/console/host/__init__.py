"""A host's pages: the list, the page, its form and dialogs.

Begin in `page.py`.
"""
