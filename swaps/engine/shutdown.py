"""The end of a worker: what it asked of hosts is heard out and written, so that whoever goes on
need not wait until its leases run out; then it gives back every connection.
"""

from swaps.adapters.registry import close_connections
from swaps.engine.hosts.calls import stop_calling
from swaps.engine.hosts.keep_alive import stop_measuring
from swaps.engine.hosts.rounds import stop_rounds
from swaps.engine.listener import stop_listening


def shut_down() -> None:
    """Takes as long as the calls under way, of which each has a limit."""
    leave_hosts()
    stop_listening()


def leave_hosts() -> None:
    """No call to a host is under way any more. Whoever makes one after it begins anew."""
    stop_measuring()
    stop_rounds()
    stop_calling()
    close_connections()
