"""Who may do what, and who is at the other end: roles, tokens, certificates, limits of trying.

Begin in `roles.py`, the one place that decides. Imports rows and the domain.
"""
