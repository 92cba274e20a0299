"""What a worker does before its first swap, so that the first is no slower than the second:
listen for nodes, read once as every turn does, and open a connection to every host.
"""

import gc
import threading
import uuid

import structlog
from django.db import Error as DatabaseError

from swaps.adapters.errors import AdapterError
from swaps.engine.hosts.adapters import adapter_of
from swaps.engine.listener import listening
from swaps.engine.observe import observe
from swaps.models import ModelHost, SwapOperation

log = structlog.get_logger("swaps.engine")

_NO_MODEL = 0


def warm_start() -> None:
    """Never raises for what is away: the first turn will find it out by itself."""
    # What is there by now stays: a collection that goes through all of it takes as long as some
    # steps of a swap.
    gc.collect()
    gc.freeze()
    try:
        with listening(_NO_MODEL, threading.Event()):
            pass
        try:
            observe(uuid.uuid4())
        except SwapOperation.DoesNotExist:
            pass  # as expected: the statement is warm now
        for host in ModelHost.objects.all():
            try:
                adapter_of(host).probe()
            except AdapterError as error:
                log.info("host not warmed up", host=host.name, reason=str(error))
    except DatabaseError as error:
        log.info("worker not warmed up", reason=str(error).strip())
