"""The one error of the embedded parts."""


class EmbeddedError(Exception):
    """One sentence for the person at the terminal: what happened, to what, what to do next.

    Callers print it and exit with code 1; there is never a reason to show a traceback.
    """
