"""The Celery application: workers run the engine's tasks, and each sweeps by itself."""

import os
import warnings
from typing import Any

from celery import Celery, bootsteps
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, task_failure, worker_shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hotswap_site.settings")

from django.conf import settings

# Its concern is pickled messages under root; ours are JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("hotswap")
app.config_from_object(settings.CELERY)
app.autodiscover_tasks(["swaps.engine"])


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """With a receiver of its own, Celery leaves the logging of the settings as it is."""


class Sweeping(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no types
    """Begins before the worker connects to Valkey: it may never come to that."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._sweeper: Any = None

    def start(self, worker: Any) -> None:
        # Not before: the apps are loaded by now.
        from swaps.db.stalled import limit_transactions
        from swaps.engine.sweeping.sweeper import Sweeper

        limit_transactions()
        self._sweeper = Sweeper(worker.hostname)
        task_failure.connect(self._note)
        self._sweeper.start()

    def stop(self, worker: Any) -> None:
        if self._sweeper is not None:
            self._sweeper.stop()

    def terminate(self, worker: Any) -> None:
        self.stop(worker)

    def _note(self, exception: BaseException | None = None, **_: object) -> None:
        if exception is not None:
            self._sweeper.note(exception)


app.steps["worker"].add(Sweeping)


@worker_shutdown.connect
def end_engine(**_: object) -> None:
    """After the last task."""
    from swaps.engine.shutdown import shut_down

    shut_down()
