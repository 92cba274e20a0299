"""`make demo`: all of Hotswap on this machine, and a real swap under live traffic.

The demonstration talks to Hotswap as any client would, by REST, and to the router as any
inference client would.
"""

import argparse
import json
import os
import secrets
import sys
from pathlib import Path

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS, make_demo_models
from hotswap_site.embedded.demonstration import Demonstration
from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.paths import HotswapHome
from hotswap_site.embedded.private_file import write_private
from hotswap_site.embedded.stack import PROJECT, Stack
from hotswap_site.embedded.supervisor import StopRequested, Supervisor
from hotswap_site.environment import port

HOSTS = ("alpha", "beta")
OPERATOR = "operator"
AUTOMATION = "automation"
DEFAULT_CONSOLE_PORT = 8000
DEFAULT_ROUTER_PORT = 8080
TRAFFIC_RATE = 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the report")
    parser.add_argument("--no-traffic", action="store_true", help="without the traffic client")
    parser.add_argument("--no-swap", action="store_true", help="without the demonstration's swap")
    options = parser.parse_args()
    try:
        home = HotswapHome(Path(os.environ.get("HOTSWAP_HOME") or PROJECT / ".hotswap"))
        home.create()
        return _run(
            home,
            once=options.once,
            traffic=not options.no_traffic,
            swap=not options.no_swap,
        )
    except EmbeddedError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except StopRequested as stop:
        # Ending it is how the demo ends; `--once` was to end by itself, with a report.
        return 128 + stop.signum if options.once else 0


def _run(home: HotswapHome, *, once: bool, traffic: bool, swap: bool) -> int:
    stack: Stack | None = None
    supervisor = Supervisor(
        home.logs,
        on_exit=lambda ended: stack.on_exit(ended) if stack else None,
        handle_signals=True,
    )
    console_port = port("HOTSWAP_CONSOLE_PORT", DEFAULT_CONSOLE_PORT)
    router_port = port("HOTSWAP_ROUTER_PORT", DEFAULT_ROUTER_PORT)
    card = home.path / "demo.json"
    with supervisor:
        stack = Stack(
            home,
            supervisor,
            console_port,
            router_port,
            external_database_url=os.environ.get("DATABASE_URL"),
            external_owner_database_url=os.environ.get("HOTSWAP_OWNER_DATABASE_URL"),
            external_valkey_url=os.environ.get("VALKEY_URL"),
        )
        stack.claim_home()
        stack.check_ports()
        card.unlink(missing_ok=True)  # of a run that was killed; this one is not ready yet
        try:
            token, password = _set_up(stack, home)
            demonstration = Demonstration(
                stack.console_url,
                stack.router_url,
                token,
                say=supervisor.say,
                traffic_socket=home.socket("traffic") if traffic else None,
            )
            with demonstration:
                demonstration.activate_first_versions()
                if traffic:
                    samples = {"iris": SAMPLE_REQUESTS["iris"]}
                    stack.start_traffic("traffic", samples, rate=TRAFFIC_RATE)
                good = demonstration.swap("iris") if swap else True
                _write_card(card, stack, password, token)
                if once:
                    return 0 if good else 1
                _invite(supervisor, stack, password)
            supervisor.wait()
        finally:
            card.unlink(missing_ok=True)
    return 0


def _set_up(stack: Stack, home: HotswapHome) -> tuple[str, str]:
    """Returns the API token and the operator's password."""
    say = stack.supervisor.say
    say("starting Postgres and Valkey")
    stack.start_services()
    say("making the demo's models")
    repository = home.path / "models"
    make_demo_models(repository)
    hosts = stack.start_hosts(dict.fromkeys(HOSTS, repository))
    stack.start_control_plane()
    password = secrets.token_urlsafe(12)
    answer = stack.manage(
        "provision",
        stdin=json.dumps(
            {
                "hosts": hosts,
                "models": [
                    {"name": name, "sample_request": body} for name, body in SAMPLE_REQUESTS.items()
                ],
                "users": [
                    {"username": OPERATOR, "password": password, "role": "operator"},
                    # Nobody logs in as the pipelines' user: it only has a token.
                    {
                        "username": AUTOMATION,
                        "password": secrets.token_urlsafe(32),
                        "role": "administrator",
                    },
                ],
                "tokens": [{"name": "demo", "username": AUTOMATION, "role": "administrator"}],
            }
        ),
    )
    token: str = json.loads(answer)["tokens"]["demo"]
    return token, password


def _write_card(card: Path, stack: Stack, password: str, token: str) -> None:
    """What a script needs to join in."""
    write_private(
        card,
        json.dumps(
            {
                "console_url": stack.console_url,
                "router_url": stack.router_url,
                "username": OPERATOR,
                "password": password,
                "api_token": token,
                "pid": os.getpid(),
            }
        ),
    )


def _invite(supervisor: Supervisor, stack: Stack, password: str) -> None:
    supervisor.say(f"console: {stack.console_url}  user {OPERATOR}, password {password}")
    supervisor.say(f"router:  POST {stack.router_url}/v2/models/iris/infer")
    supervisor.say("Ctrl-C ends everything")


if __name__ == "__main__":
    sys.exit(main())
