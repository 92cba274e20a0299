"""The pages: a folder a subject, the same in `templates/console` and `static/console`.

Begin in `urls.py`. It asks commands and readings, and decides nothing.
"""
