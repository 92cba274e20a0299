"""What is unsafe about the settings, for `manage.py check --deploy`. Each has an id that stays.

`hotswap.W001` (one database role for all) is swaps.audit.privileges': it asks the database.
"""

import ipaddress
import os
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from swaps.access.certificate_folder import CertificateFolder, ends_soon, expiry
from swaps.access.certificates import CertificateProblem
from swaps.adapters.registry import KINDS
from swaps.db import writability
from swaps.live.valkey import valkey_trouble
from swaps.models import ModelHost
from swaps.readings.router.certificates import read_certificates, warnings_of

# The first with a limit of a whole transaction (swaps.db.stalled).
LEAST_POSTGRES = 170000


def reached_from_elsewhere() -> list[str]:
    """The names that the console answers to and that are not this machine's own."""
    return [host for host in settings.ALLOWED_HOSTS if not _is_loopback(host)]


def check_debug(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Not for deployments only: nobody starts with this by mistake."""
    names = reached_from_elsewhere()
    if not settings.DEBUG or not names:
        return []
    return [
        Error(
            f"HOTSWAP_DEBUG is on while the console answers to {', '.join(names)}: whoever causes "
            "an error sees code and settings.",
            hint="Take HOTSWAP_DEBUG away, or keep HOTSWAP_ALLOWED_HOSTS to 127.0.0.1.",
            id="hotswap.E001",
        )
    ]


def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """For `--deploy`."""
    found: list[CheckMessage] = []
    names = ", ".join(reached_from_elsewhere())
    if not os.environ.get("HOTSWAP_SECRET_KEY"):
        found.append(
            Warning(
                "HOTSWAP_SECRET_KEY is not set: each machine makes a key of its own, and a session "
                "of one is none at another.",
                hint="Give all processes the same long random value.",
                id="hotswap.W002",
            )
        )
    if settings.CREDENTIAL_KEY == settings.SECRET_KEY:
        found.append(
            Warning(
                "Host credentials are encrypted with the key that signs sessions: one that leaks "
                "opens both.",
                hint="Set HOTSWAP_CREDENTIAL_KEY to a long random value of its own.",
                id="hotswap.W003",
            )
        )
    if names and not settings.SECURE_SSL_REDIRECT:
        found.append(
            Warning(
                f"The console answers to {names} without TLS: passwords and tokens travel in the "
                "clear.",
                hint="Put a proxy with TLS in front and set HOTSWAP_HTTPS=1.",
                id="hotswap.W004",
            )
        )
    if names and settings.OPEN_METRICS:
        found.append(
            Warning(
                f"/metrics needs no token while the console answers to {names}: names of models "
                "and their traffic are open to all.",
                hint="Set HOTSWAP_OPEN_METRICS=0 and give the scraper a viewer's token.",
                id="hotswap.W005",
            )
        )
    return found


def check_certificates(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Certificates of this machine's router processes, where they listen to the network.

    Warnings only: an error would keep `enrolnode` from making them.
    """
    if not settings.XDS_LISTEN:
        return []
    folder = CertificateFolder(settings.XDS_CERTIFICATES)
    found: list[CheckMessage] = []
    for path in (folder.router, folder.authority):
        try:
            ends = expiry(path)
        except CertificateProblem as problem:
            hint = (
                "Enrol a node by `manage.py enrolnode`, or copy the files from where that is done."
            )
            found.append(Warning(f"{problem}.", hint=hint, id="hotswap.W009"))
            continue
        if ends_soon(ends):
            found.append(
                Warning(
                    f"{path} ends on {ends:%Y-%m-%d}: Envoys of other machines are cut off then.",
                    hint='See "Envoys on other machines" in the handbook.',
                    id="hotswap.W006",
                )
            )
    return found


def check_rows(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """For `--deploy --database default`: hosts that nobody can speak to, nodes cut off soon."""
    if not databases:
        return []
    found: list[CheckMessage] = []
    try:
        strangers = list(ModelHost.objects.exclude(kind__in=KINDS).values_list("name", "kind"))
        certificates = warnings_of(read_certificates())
    except DatabaseError:
        return []  # a database that is away is another check's matter
    for name, kind in strangers:
        found.append(
            Warning(
                f"Host {name} is of the kind {kind!r}, for which there is no adapter.",
                hint=f"Give it a kind that there is ({', '.join(KINDS)}), or delete it.",
                id="hotswap.W007",
            )
        )
    for warning in certificates:
        hint = 'See "Envoys on other machines" in the handbook.'
        found.append(Warning(f"{warning}.", hint=hint, id="hotswap.W008"))
    return found


def check_servers(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """For `--deploy --database default`: the servers themselves are asked, for settings may say
    what no server does.
    """
    return [*_check_postgres(), *_check_valkey()] if databases else []


def _check_postgres() -> list[CheckMessage]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            limit = str(cursor.fetchone()[0])
            cursor.execute("SHOW server_version_num")
            version = int(cursor.fetchone()[0])
        missing = MigrationExecutor(connection).migration_plan(_newest())
        no_writes = writability.look()
    except DatabaseError as error:
        return [
            Warning(
                f"Postgres cannot be used: {_line(error)}",
                hint="See that it runs, and that DATABASE_URL names it, its database, a role and "
                "that role's password.",
                id="hotswap.W010",
            )
        ]
    found: list[CheckMessage] = []
    if missing:
        first = missing[0][0]
        found.append(
            Warning(
                f"{len(missing)} migrations were not applied to the database; the first is "
                f"{first.app_label} {first.name}.",
                hint="Run `manage.py migrate` with DATABASE_URL of the role that owns the tables.",
                id="hotswap.W011",
            )
        )
    if limit != f"{settings.ABANDONED_TRANSACTION_SECONDS}s":
        found.append(
            Warning(
                f"Postgres would end an abandoned transaction after {limit} (0: never), and not "
                f"after {settings.ABANDONED_TRANSACTION_SECONDS}s as Hotswap asks for: a process "
                "that stops in one would keep its rows from the others.",
                hint="A pooler between them drops the parameter `options`: let it pass, or set "
                "idle_in_transaction_session_timeout for the role.",
                id="hotswap.W012",
            )
        )
    if no_writes:
        found.append(
            Warning(
                f"{no_writes}.",
                hint="Point DATABASE_URL at the primary, or give the disk room.",
                id="hotswap.W013",
            )
        )
    if version < LEAST_POSTGRES:
        found.append(
            Warning(
                f"Postgres is of version {version // 10000}: from {LEAST_POSTGRES // 10000} on a "
                "transaction that stands still between two statements is ended, too.",
                hint="Update it when you can; Hotswap runs all the same.",
                id="hotswap.W014",
            )
        )
    return found


def _check_valkey() -> list[CheckMessage]:
    trouble = valkey_trouble()
    if not trouble:
        return []
    return [
        Warning(
            f"Valkey does not answer: {' '.join(trouble.split()).rstrip('.')}.",
            hint="See that it runs, and that VALKEY_URL names it, with user and password where it "
            "has them, and HOTSWAP_VALKEY_CA_FILE who vouches for a rediss:// one. Without it "
            "swaps are slower and pages less live.",
            id="hotswap.W015",
        )
    ]


def _newest() -> list[tuple[str, str]]:
    """The last migration of each app, as this code has them."""
    return list(MigrationExecutor(connection).loader.graph.leaf_nodes())


def _line(error: Exception) -> str:
    """An error on one line, and never the address: there may be a password in it."""
    words = " ".join(str(error).split()) or type(error).__name__
    return f"{words.rstrip('.')}."


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
