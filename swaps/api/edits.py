"""`ETag` and `If-Match`: of two people who edit one thing the later is told, 412."""

from typing import Annotated

from ninja import Header

from swaps.commands.errors import InvalidRequest

IF_MATCH = "If-Match"
IfMatch = Annotated[
    str | None,
    Header(
        alias=IF_MATCH,
        max_length=500,
        description="the `ETag` that a GET of it gave: refused with 412 when somebody changed it "
        "since. Without it the edit is made upon whatever is there",
    ),
]


def revision_in(if_match: str | None) -> str | None:
    """Raises InvalidRequest for what no GET gave: a list, or a weak tag."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip()
    inner = tag[1:-1]
    if len(tag) < 3 or tag[0] != '"' or tag[-1] != '"' or '"' in inner:
        raise InvalidRequest(IF_MATCH, 'give one ETag as a GET gave it, such as "1f0c2a9b", or *')
    return inner
