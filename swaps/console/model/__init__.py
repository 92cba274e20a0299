"""A model's pages: the list, the page, its forms and dialogs.

Begin in `page.py`.
"""
