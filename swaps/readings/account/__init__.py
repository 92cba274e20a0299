"""People and their tokens, without what would let anybody in.

Begin in `users.py`.
"""
