"""The Celery application: workers run the engine's tasks, beat finds what is due."""

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hotswap_site.settings")

from django.conf import settings

# Its concern is pickled messages under root; ours are JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("hotswap")
app.config_from_object(settings.CELERY)
app.conf.beat_schedule = {
    # A wake-up that was lost, a deadline that passed, a worker that died: found here.
    "sweep": {
        "task": "swaps.sweep",
        "schedule": settings.SWEEP_SECONDS,
        "options": {"expires": 5},
    },
    "reconcile": {
        "task": "swaps.reconcile",
        "schedule": settings.RECONCILE_SECONDS,
        "options": {"expires": 10},
    },
    "record-traffic": {
        "task": "swaps.record_traffic",
        "schedule": 1.0,
        "options": {"expires": 1},
    },
    "forget-old-answers": {
        "task": "swaps.forget_old_answers",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "seal-audit": {
        "task": "swaps.seal_audit",
        "schedule": settings.SEAL_SECONDS,
        "options": {"expires": 10},
    },
}
app.autodiscover_tasks(["swaps.engine", "swaps.audit"])


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """With a receiver of its own, Celery leaves the logging of the settings as it is."""


@worker_ready.connect
def prime_worker(**_: object) -> None:
    from swaps.engine.prime import prime
    from swaps.models.stalled import limit_transactions

    limit_transactions()
    prime()
