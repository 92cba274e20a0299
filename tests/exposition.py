"""/metrics as a scraper reads it: the official client's parser, and not our idea of the text."""

from prometheus_client.parser import text_string_to_metric_families


def sample(text: str, of: str, /, **labels: str) -> float | None:
    """The value under `of` and with exactly these labels; None where there is none."""
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            if one.name == of and one.labels == labels:
                return one.value
    return None


def promised(text: str) -> dict[str, tuple[str, str, frozenset[str]]]:
    """What dashboards and alerts rely on: by name its type, its help, and its labels.

    Names are those of the samples, so that a counter's are with `_total`.
    """
    found = {}
    for family in text_string_to_metric_families(text):
        labels = frozenset(label for one in family.samples for label in one.labels)
        names = {one.name for one in family.samples} or {family.name}
        for name in names:
            found[name] = (family.type, family.documentation, labels)
    return found
