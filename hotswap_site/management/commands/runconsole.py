"""`manage.py runconsole`: the process that serves console, API, admin and websockets."""

from argparse import ArgumentParser
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand

from hotswap_site.console_server import ConsoleServer
from hotswap_site.database_watch import watch_database
from swaps.db.stalled import limit_transactions

APPLICATION = "hotswap_site.asgi:application"


class Command(BaseCommand):
    help = "Serve the console and the API."
    requires_system_checks = [Tags.security]  # noqa: RUF012 - as Django types it

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("-b", "--bind", help="address to listen on", default="127.0.0.1")
        parser.add_argument("-p", "--port", type=int, default=8000)
        parser.add_argument("--unix-socket", metavar="PATH", help="instead of a port")
        parser.add_argument("--fd", type=int, help="a listening socket that was handed over")

    def handle(
        self,
        *args: Any,
        bind: str,
        port: int,
        unix_socket: str | None,
        fd: int | None,
        **options: Any,
    ) -> None:
        if fd is not None:
            where = ["--fd", str(fd)]
        elif unix_socket is not None:
            where = ["--unix-socket", unix_socket]
        else:
            where = ["--bind", bind, "--port", str(port)]
        limit_transactions()
        watch_database()
        ConsoleServer().run([*where, "--verbosity", "0", APPLICATION])
