"""The audit log's pages: the list, an entry, the export.

Begin in `page.py`.
"""
