"""A swap's pages: the list, the live page, the form that starts one, its dialogs.

Begin in `live_swap.py`. Its templates and scripts lie in folders of the same name.
"""
