"""The README's "Running it for real", to the letter, on machines made of namespaces.

`make real` runs it, as root on Linux: a team's own Postgres, Redis or Valkey, and nginx.
"""

import re
import secrets

import pytest

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from tests.real import servers
from tests.real.installation import ADMINISTRATOR, HOSTS, NODES, Api, installed, repository
from tests.system.fleet import eventually

CANARY = {"steps": [{"setWeight": 25}, {"pause": {"duration": 6}}]}
RATE = 20.0


@pytest.mark.timeout(1800)
def test_a_new_team_swaps_under_traffic_through_two_envoys_and_loses_two_processes() -> None:
    with installed() as (site, certificate):
        site.manage(
            *("createsuperuser", "--noinput"),
            DJANGO_SUPERUSER_USERNAME=ADMINISTRATOR,
            DJANGO_SUPERUSER_PASSWORD=secrets.token_urlsafe(24),
        )
        token = site.manage("createtoken", "first", "--user", ADMINISTRATOR).split()[-1]
        site.start_processes()
        for node in NODES:
            site.start_node(node)
        models = repository(site.folder / "models")
        hosts = [site.start_host(name, models) for name in HOSTS]

        with Api(certificate, token) as api:
            eventually(
                lambda: len([n for n in api.get("router")["nodes"] if n["required"]]) == len(NODES),
                what="both nodes are connected",
                seconds=240,
            )
            assert api.call("POST", "api/v1/swaps", content=b" " * 3_000_000).status_code == 413
            for host in hosts:
                eventually(
                    lambda host=host: (
                        api.call("POST", "api/v1/hosts", json=host).status_code  # type: ignore[misc]
                        in (201, 409)
                    ),
                    what=f"{host['name']} is registered",
                )
            api.post("models", {"name": "iris", "sample_request": SAMPLE_REQUESTS["iris"]})
            api.finished(api.post("models/iris/versions/1.0/activate")["id"])

            output = site.manage("check", "--deploy", "--database", "default")
            older = {"hotswap.W014"} if servers.postgres_version() < 17 else set()
            assert set(re.findall(r"\((\w+\.[WEC]\d+)\)", output)) == older, output

            with site.traffic(NODES[0], RATE) as one, site.traffic(NODES[1], RATE) as other:
                for traffic in (one, other):
                    traffic.flows_on()
                swap = api.post(
                    "swaps",
                    {
                        "model_name": "iris",
                        "from_version": "1.0",
                        "to_version": "1.1",
                        "strategy": CANARY,
                    },
                )
                eventually(
                    lambda: api.get(f"swaps/{swap['id']}")["state"] == "Transitioning",
                    what="traffic is split",
                )
                for process in ("router-1", "console-1"):
                    site.supervisor.kill(process)
                api.finished(swap["id"])
                for traffic in (one, other):
                    traffic.flows_on()
                    report = traffic.report()
                    assert report["failed"] == 0, report
                    assert set(report["versions"]) == {"1.0", "1.1"}, report
