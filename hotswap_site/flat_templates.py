"""Templates are laid out for whoever reads them; that layout is not sent to browsers.

A run of white space with a line end in it means one space in HTML. Fragments are pushed to every
open page again and again, and half of each would be indentation.
"""

import re

from django.template import Origin
from django.template.loaders import filesystem

# What is inside of these is shown as it stands.
_KEPT = re.compile(r"(<(pre|textarea)\b.*?</\2>)", re.DOTALL)
_END_OF_TAG = re.compile(r"\s*\n\s*(?=/?>)")
_LINE_END = re.compile(r"\s*\n\s*")


class Loader(filesystem.Loader):
    def get_contents(self, origin: Origin) -> str:
        return flat(super().get_contents(origin))


def flat(source: str) -> str:
    """Django's tags and attributes stay what they are."""
    parts = _KEPT.split(source)
    # Of each three: what may be laid flat, what is kept, and the name of its tag.
    laid_flat = [
        part if index % 3 == 1 else _LINE_END.sub(" ", _END_OF_TAG.sub("", part))
        for index, part in enumerate(parts)
        if index % 3 != 2
    ]
    return "".join(laid_flat).strip()
