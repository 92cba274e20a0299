"""`make units`: unit files for systemd, one a kind of process.

    python -m hotswap_site.deployment.units [--folder units] [--directory /opt/hotswap] …

Only the standard library and no settings: they are written where nothing is configured yet.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template

PROJECT = Path(__file__).resolve().parents[2]
STATE = Path("/var/lib")

_UNIT = Template("""\
# Written by `make units`. Changes belong into a drop-in: systemctl edit $name
[Unit]
Description=$description
After=network-online.target
Wants=network-online.target
# Started again for as long as it takes: what it needs (Postgres, a router process) comes back.
StartLimitIntervalSec=0

[Service]
User=$user
$place
ExecStart=$command
Restart=always
RestartSec=500ms
TimeoutStopSec=$stop_seconds
LimitNOFILE=$files
TasksMax=4096
UMask=0077
$own
NoNewPrivileges=yes
CapabilityBoundingSet=
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=$protect_home
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
""")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where it is installed, and as whom it runs."""

    directory: Path
    home: Path
    environment: Path
    user: str
    envoy: Path

    @property
    def in_a_home(self) -> bool:
        return any(self.directory.is_relative_to(home) for home in ("/home", "/root"))

    @property
    def state(self) -> str:
        """As systemd wants it: below /var/lib. Raises ValueError for another place."""
        if not self.home.is_relative_to(STATE) or self.home == STATE:
            raise ValueError(f"--home {self.home} is not below {STATE}, where systemd makes it")
        return str(self.home.relative_to(STATE))


@dataclass(frozen=True, kw_only=True)
class Process:
    """One kind of process. `{...}` in `command` and `own` stands for what Place says."""

    name: str
    description: str
    command: str
    own: str = ""
    own_place: str | None = None
    of_hotswap: bool = True
    stop_seconds: int = 30
    files: int = 65536

    def unit(self, place: Place) -> str:
        words = {
            "directory": place.directory,
            "environment": place.environment,
            "envoy": place.envoy,
            "home": place.home,
            "state": place.state,
        }
        shared = "WorkingDirectory={directory}\nStateDirectory={state}\nStateDirectoryMode=0711"
        if self.of_hotswap:
            shared += "\nEnvironmentFile={environment}\nEnvironment=HOTSWAP_HOME={home}"
        return _UNIT.substitute(
            name=self.name,
            description=self.description,
            user=place.user,
            place=(shared if self.own_place is None else self.own_place).format(**words),
            command=self.command.format(**words),
            own=self.own.format(**words),
            stop_seconds=self.stop_seconds,
            files=self.files,
            # A check-out in a home folder is still to be read.
            protect_home="read-only" if place.in_a_home else "yes",
        )


PROCESSES = (
    Process(
        name="hotswap-console@.service",
        description="Hotswap console and API on port %i",
        command="{directory}/.venv/bin/python manage.py runconsole --bind 127.0.0.1 --port %i",
        own="Environment=HOTSWAP_DATABASE_POOL=20",
    ),
    Process(
        name="hotswap-worker@.service",
        description="Hotswap worker %i",
        command="{directory}/.venv/bin/celery -A hotswap_site.celery worker --pool threads"
        " --concurrency 8 --without-gossip --without-mingle --without-heartbeat"
        " --hostname worker-%i@%%h",
        own="Environment=HOTSWAP_DATABASE_POOL=20",
    ),
    Process(
        name="hotswap-router.service",
        description="Hotswap router process",
        command="{directory}/.venv/bin/python manage.py runrouter",
    ),
    Process(
        name="hotswap-envoy.service",
        description="Envoy, a router node of Hotswap",
        # The folder that `manage.py enrolnode` wrote, brought to this machine.
        command="{home}/node/start.sh",
        own="Environment=ENVOY={envoy}",
        own_place="WorkingDirectory={home}/node\nStateDirectory={state}\nStateDirectoryMode=0711",
        stop_seconds=10,
        files=262144,
        of_hotswap=False,
    ),
    Process(
        name="hotswap-host@.service",
        description="Hotswap's bundled model host %i",
        # OPTIONS, such as --address and --port, and HOTSWAP_HOST_TOKEN are each host's own.
        command="{directory}/.venv/bin/python -m swaps.bundled_host --name %i"
        " --repository {home}/models/%i $OPTIONS",
        own="EnvironmentFile={environment}.host-%i",
        of_hotswap=False,
        stop_seconds=40,  # requests in flight have 30 s
    ),
)


def write_units(folder: Path, place: Place) -> list[Path]:
    """Returns the files. Raises ValueError for a place that systemd could not serve, OSError."""
    for what, path in (("directory", place.directory), ("home", place.home)):
        if not path.is_absolute() or not re.fullmatch(r"[\w./+-]+", str(path)):
            raise ValueError(f"--{what} {path} is not a plain absolute path")
    units = {process.name: process.unit(place) for process in PROCESSES}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in units.items():
        (folder / name).write_text(text)
    return [folder / name for name in units]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make units",
        description="Write unit files for systemd.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=Path("units"), help="where to write them")
    parser.add_argument("--directory", type=Path, default=PROJECT, help="of the check-out")
    parser.add_argument("--home", type=Path, default=STATE / "hotswap", help="HOTSWAP_HOME")
    parser.add_argument(
        "--environment", type=Path, default=Path("/etc/hotswap/environment"), help="the settings"
    )
    parser.add_argument("--user", default="hotswap", help="the account that they run as")
    parser.add_argument("--envoy", type=Path, default=Path("/usr/bin/envoy"), help="its program")
    arguments = vars(parser.parse_args())
    folder: Path = arguments.pop("folder")
    try:
        written = write_units(folder, Place(**arguments))
    except (ValueError, OSError) as error:
        print(f"make units: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    for path in written:
        print(path)  # noqa: T201 - this is a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
