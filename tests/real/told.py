"""What the handbook tells a team to write down, so that what it tells is what is tested."""

from tests.documents import blocks


def block(language: str, having: str) -> str:
    """The one code block of that language with these words in it."""
    (text,) = (one for one in blocks(language) if having in one)
    return str(text)


def settings(**values: str) -> dict[str, str]:
    """The settings of the handbook, each by its name, with this installation's values."""
    lines = block("sh", "HOTSWAP_TRUSTED_ORIGINS").splitlines()
    named = dict(line.split("=", 1) for line in lines)
    assert values.keys() <= named.keys(), values.keys() - named.keys()
    return named | values


def with_words(text: str, words: dict[str, str]) -> str:
    """The text with each of these replaced; each is there."""
    for word, by in words.items():
        assert word in text, word
        text = text.replace(word, by)
    return text
