"""The pages: a folder a subject, the same in `templates/console` and `static/console`.

Begin in `pages.py`, which gathers the entries that each folder has in its own. It asks commands
and readings, and decides nothing.
"""
