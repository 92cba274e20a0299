"""The admin: a door like the others. It changes nothing by itself: forms, buttons and bulk
actions call the engine's functions, which check, write and audit.

site.py    who may come in
base.py    what every page of it has: permissions from the table of roles, forms through the engine
hosts.py  models.py  strategies.py  tokens.py  users.py  swaps.py  read_only.py    the objects
"""

from swaps.admin import hosts, models, read_only, strategies, swaps, tokens, users

__all__ = ["hosts", "models", "read_only", "strategies", "swaps", "tokens", "users"]
