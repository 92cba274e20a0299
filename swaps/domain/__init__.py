"""Decisions, as functions of plain values: no Django, no clock, no network.

Begin in `next_step.py`, which says what a swap does next, and `commands.py`, which says what may
be asked of it.
"""
