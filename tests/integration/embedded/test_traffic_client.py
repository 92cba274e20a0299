"""The demo's own traffic beside what an earlier run left behind."""

import socket
from pathlib import Path

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from hotswap_site.embedded.paths import HotswapHome
from hotswap_site.embedded.ports import free_port
from hotswap_site.embedded.stack import Stack
from hotswap_site.embedded.supervisor import Supervisor
from tests.system.fleet import TrafficClient


def test_the_socket_of_a_run_that_was_killed_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    home = HotswapHome(tmp_path)
    home.create()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(home.socket("traffic")))
    with Supervisor(home.logs, stream=None) as supervisor:
        stack = Stack(home, supervisor, free_port(), free_port())
        path = stack.start_traffic("traffic", {"iris": SAMPLE_REQUESTS["iris"]}, rate=1.0)
        assert TrafficClient(path).report()["sent"] >= 0
