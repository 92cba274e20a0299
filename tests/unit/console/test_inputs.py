"""What somebody approves, in words that leave nothing out."""

from swaps.console.swap.inputs import shown_inputs


def test_a_strategy_is_told_step_by_step() -> None:
    steps = [{"setWeight": 5}, {"pause": {"duration": 60.0}}, {"pause": {}}, {"setWeight": 100}]
    strategy = {"name": "canary", "steps": steps, "stickyHeader": ""}
    told = "canary: 5 %, hold 60 s, wait until promoted, 100 %"
    assert shown_inputs({"strategy": strategy}) == [("strategy", told)]
    sticky = strategy | {"stickyHeader": "x-user"}
    (_, words), *_ = shown_inputs({"strategy": sticky})
    assert words == f"{told}; a caller stays at one version by the header x-user"


def test_what_is_not_given_is_told_too() -> None:
    given = {"min_ready_hosts": None, "target_hosts": ["alpha", "beta"], "digests": {"alpha": "1f"}}
    assert shown_inputs(given) == [
        ("min ready hosts", "–"),
        ("target hosts", "alpha, beta"),
        ("digests", "alpha: 1f"),
    ]
