"""Celery's door to the audit log: no logic, safe to run twice."""

import structlog
from celery import shared_task

from swaps.audit.refusals import end_floods
from swaps.audit.seal import ChainCut, seal_batch

log = structlog.get_logger("swaps.audit")


@shared_task(name="swaps.seal_audit")
def seal_audit() -> None:
    end_floods()
    try:
        more = seal_batch()
    except ChainCut as problem:
        log.error("audit log not sealed", reason=str(problem))
        return
    if more:  # after an outage: batch by batch, and others get their turn between
        seal_audit.delay()
