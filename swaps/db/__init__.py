"""Statements by hand, time limits, and whether Postgres takes writes: what is no model.

Begin in `statements.py`. Imports nothing of the product but the domain.
"""
