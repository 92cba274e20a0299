"""An error's message as a sentence on a page."""


def sentence(error: Exception, *names: str | None) -> str:
    """Capital letter first and a full stop last; but one of `names` is never respelt."""
    words = str(error)
    if not words.startswith(tuple(name for name in names if name)):
        words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else f"{words}."
