"""Who may come in, by a password or by a token.

Begin in `users.py`.
"""
