"""The Celery application: workers run the engine's tasks, beat finds what is due."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hotswap_site.settings")

from django.conf import settings

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
}
app.autodiscover_tasks(["swaps.engine"])
