"""The embedded Valkey."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.paths import HotswapHome, default_valkey_url
from hotswap_site.embedded.supervisor import Supervisor
from hotswap_site.embedded.valkey import start_valkey


@pytest.fixture
def home() -> Iterator[HotswapHome]:
    with tempfile.TemporaryDirectory(prefix="hotswap-") as folder:
        yield HotswapHome(Path(folder))


def test_what_was_written_survives_a_kill_and_a_new_start(home: HotswapHome) -> None:
    with Supervisor(home.logs, stream=None) as supervisor:
        start_valkey(supervisor, home)
        with redis.Redis.from_url(default_valkey_url(home)) as client:
            client.set("queued", "task")
            assert client.config_get("port") == {"port": "0"}
            supervisor.kill("valkey")
            supervisor.wait_restarted("valkey", 1)
            assert client.get("queued") == b"task"
    with Supervisor(home.logs, stream=None) as supervisor:
        start_valkey(supervisor, home)
        with redis.Redis.from_url(default_valkey_url(home)) as client:
            assert client.get("queued") == b"task"


def test_a_second_start_on_one_home_is_refused(home: HotswapHome) -> None:
    with Supervisor(home.logs, stream=None) as first:
        start_valkey(first, home)
        with (
            Supervisor(home.logs, stream=None) as second,
            pytest.raises(EmbeddedError, match=r"Valkey in .* is already run by process"),
        ):
            start_valkey(second, home)
