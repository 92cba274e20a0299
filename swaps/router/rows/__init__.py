"""The router process' side of Postgres: the desired rows in, what nodes applied and proved out.

Begin in `feed.py` for what comes in, `writer.py` for what goes out.
"""
