"""What all pages are made of: who looks, live pages, lists, dialogs, charts.

Begin in `visitors.py`, which every page comes through; `watch.py` keeps live pages live.
"""
