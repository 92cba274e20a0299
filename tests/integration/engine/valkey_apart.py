"""A Valkey of a test's own, which may stand still without disturbing others."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import current_app
from django.conf import settings

from hotswap_site.embedded.paths import HotswapHome, default_valkey_url
from hotswap_site.embedded.supervisor import Supervisor
from hotswap_site.embedded.valkey import start_valkey
from swaps.live import broker
from swaps.live.valkey import forget_valkey


class ValkeyApart:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def stands_still(self) -> None:
        self._signal(signal.SIGSTOP)

    def goes_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, signum: signal.Signals) -> None:
        pid = self._supervisor.pid("valkey")
        assert pid is not None, "it runs"
        os.kill(pid, signum)


@contextmanager
def valkey_apart() -> Iterator[ValkeyApart]:
    """This process uses it for all that it uses Valkey for."""
    before, conf = settings.VALKEY_URL, current_app.conf
    broker_before = conf.broker_url
    with tempfile.TemporaryDirectory(prefix="hotswap-") as folder:
        home = HotswapHome(Path(folder))
        with Supervisor(home.logs, stream=None) as supervisor:
            start_valkey(supervisor, home)
            own = ValkeyApart(supervisor)
            settings.VALKEY_URL = default_valkey_url(home)
            conf.broker_url = settings.VALKEY_URL.replace("unix://", "redis+socket://", 1)
            broker.forget_sender()
            forget_valkey()
            try:
                yield own
            finally:
                own.goes_on()
                broker.when_not_sent(None)
                settings.VALKEY_URL, conf.broker_url = before, broker_before
                broker.forget_sender()
                forget_valkey()
