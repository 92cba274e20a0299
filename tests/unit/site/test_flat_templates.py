"""How templates are laid out is not sent; each word is, and what is shown as it stands."""

import pytest

from hotswap_site.flat_templates import flat


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("<p>\n  one\n  two\n</p>\n", "<p> one two </p>"),
        (
            '<a\n  href="/"\n  {% if x %}id="x"{% endif %}\n>',
            '<a href="/" {% if x %}id="x"{% endif %}>',
        ),
        ("<b>a</b><b>b</b>", "<b>a</b><b>b</b>"),
        (
            "<p>\n</p>\n<pre>\n  as\n  it\n</pre>\n<p>\n</p>",
            "<p> </p> <pre>\n  as\n  it\n</pre> <p> </p>",
        ),
        ("<textarea\n  id='a'\n>\n x</textarea>", "<textarea\n  id='a'\n>\n x</textarea>"),
    ],
)
def test_a_line_end_is_one_space(source: str, sent: str) -> None:
    assert flat(source) == sent
