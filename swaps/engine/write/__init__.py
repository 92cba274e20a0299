"""A decided step as rows: the swap's state and events, placements, route revisions.

Begin in `steps.py`; `store.py` alone writes a swap's state, by compare-and-swap.
"""
