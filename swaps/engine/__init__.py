"""The loop: look, decide, write, call. It takes swaps on; it imports no command.

Begin in `advance.py`, one turn of one swap; `observe.py` looks, `swaps.domain` decides, `write`
writes the step down and `hosts` calls. May import adapters, live, audit, access, db, models
and domain.
"""
