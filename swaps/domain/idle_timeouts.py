"""After how long without a request a connection to a host is closed from our side.

Whoever closes an idle connection first may do so while a request is on its way to it: that request
is lost, and no retry that is safe cures it. So the router has to be first, with time to spare.
"""

SHORTEST_SECONDS = 0.1  # that somebody may set; Envoy takes 0 for "never"
LONGEST_SECONDS = 3600.0
# Half of the 60 s for which most servers keep one.
USUAL_SECONDS = 30.0
# A host that keeps one for longer keeps it for long enough.
LONGEST_MEASURED_SECONDS = 65.0


def idle_timeout(
    *, chosen: float | None, measured: float | None, of_its_kind: float | None
) -> float:
    """Seconds, more than 0.

    `chosen`: what somebody set for this host; it stands. `measured`, `of_its_kind`: for how long
    the host, and hosts of its kind, keep an idle connection open; None: not known. Of that half is
    used, for networks and busy machines lie between the two clocks. 0: it keeps none and says so
    with each answer, which loses nothing.
    """
    if chosen is not None:
        return chosen
    kept = of_its_kind if measured is None else measured
    return min(USUAL_SECONDS, max(kept / 2, SHORTEST_SECONDS)) if kept else USUAL_SECONDS


def idle_timeout_problem(seconds: object) -> str | None:
    """Why nobody may set this, or None. It may be None: then it is as measured."""
    if seconds is None:
        return None
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:  # type: ignore[operator]
        return (
            f"{str(seconds)[:40]} is not between {SHORTEST_SECONDS:g} and {LONGEST_SECONDS:g} "
            "seconds; none is as measured"
        )
    return None


def as_measured(seconds: float) -> float:
    """Rounded down, so that two measurements of the same server tell the same."""
    tenths = int(seconds * 10) / 10
    return float(int(tenths)) if tenths >= 10 else tenths
