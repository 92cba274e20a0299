"""How model hosts look, and what is found on them.

Begin in `hosts.py`.
"""
