"""What all pages are made of: who looks, live pages, lists, dialogs, charts.

Begin in `pages.py`, what an entry says, and `visitors.py`, which every page comes through;
`dialogs.py` and `forms.py` carry out what is asked, `watch.py` keeps live pages live.
"""
