"""How much hypothesis searches: the same examples each time, so that a red test is a change.

`HYPOTHESIS_PROFILE=search` looks for new ones, at length.
"""

import os

from hypothesis import HealthCheck, settings

# No deadline: the machine may be busy. No database: nothing is left in the working tree.
_COMMON = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("stable", _COMMON, derandomize=True, max_examples=400)
settings.register_profile("search", _COMMON, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "stable"))
