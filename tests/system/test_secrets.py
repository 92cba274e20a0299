"""No secret shows anywhere: one fleet, its logs at DEBUG, and everything it says searched.

What is looked for: the control tokens of hosts, tokens and passwords of people, also those that
were mistyped, and the keys that encrypt and sign. The model hosts themselves and the files that
the operator keeps secrets in are not ours to search.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import psycopg
import pytest
import redis
from psycopg import sql

from hotswap_site.embedded.stack import NODE
from tests.system.fleet import Fleet, running_fleet

PASSWORD = "a password of the administrator"
MISTYPED = {
    "token": "hs_a-token-that-somebody-mistyped-0123456789",
    "password": "a password that somebody mistyped",
    "control token": "a-control-token-that-the-host-refuses",
    "password of a url": "a-password-in-an-address",
}
MOST_PAGES = 250
LINK = re.compile(r'(?:href|hx-get|action)="([^"#]+)"')


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with running_fleet(HOTSWAP_LOG_LEVEL="DEBUG") as running:
        yield running


def secrets_of(fleet: Fleet) -> dict[str, str]:
    keys = {
        file.name: text
        for file in fleet.stack.home.path.rglob("*_key")
        if (text := file.read_text().strip())
    }
    assert keys, "the home keeps the keys it made"
    return (
        keys
        | {f"control token of {h['name']}": h["control_token"] for h in fleet.hosts.values()}
        | {f"token of the {role}": token for role, token in fleet.tokens.items()}
        | {"password": PASSWORD}
        | MISTYPED
    )


def act(fleet: Fleet) -> None:
    """All that secrets take part in, done and failed."""
    api, alpha = fleet.api, fleet.hosts["alpha"]
    fleet.finished(fleet.start_swap("iris")["id"], "Completed")
    with_password = f"http://somebody:{MISTYPED['password of a url']}@127.0.0.1:1"
    new = {"name": "gamma", "kind": "bundled", "url": "http://127.0.0.1:1"}
    wrong = {"control_token": MISTYPED["control token"]}
    for body in (
        new | {"url": with_password} | wrong,
        new | wrong,
        new | {"control_token": [MISTYPED["control token"]]},
        new | {"control_token": f"{MISTYPED['control token']}\n"},
    ):
        api.post("hosts", json=body)
    assert api.patch("hosts/beta", json=wrong).status_code == 200
    assert api.post("hosts/beta/check").status_code == 200
    api.post("swaps", json={"model_name": "slow", "from_version": "1.0", "to_version": "1.1"})
    right = {"control_token": fleet.hosts["beta"]["control_token"]}
    assert api.patch("hosts/beta", json=right).status_code == 200
    assert api.patch("hosts/alpha", json={"url": alpha["url"]}).status_code == 200
    authorization = {"authorization": f"Bearer {MISTYPED['token']}"}
    assert api.get("swaps", headers=authorization).status_code == 401
    user = {"username": "grace", "password": MISTYPED["password"], "role": "nobody"}
    assert api.post("users", json=user).status_code == 422


@contextmanager
def signed_in(fleet: Fleet) -> Iterator[httpx.Client]:
    url = fleet.stack.console_url
    with httpx.Client(base_url=url, timeout=30, trust_env=False, follow_redirects=True) as client:
        for password in (MISTYPED["password"], PASSWORD):
            client.get("/login")
            csrf = next(v for name, v in client.cookies.items() if name.endswith("csrftoken"))
            form = {"username": "the-administrator", "password": password}
            answer = client.post(
                "/login", data=form | {"csrfmiddlewaretoken": csrf}, headers={"referer": url}
            )
            assert ("Sign out" in answer.text) == (password == PASSWORD)
        yield client


def pages(client: httpx.Client, *starts: str) -> Iterator[tuple[str, str]]:
    """Every page that a link of another leads to, also forms before they are sent."""
    waiting, seen = list(starts), set(starts)
    while waiting:
        path = waiting.pop(0)
        answer = client.get(path)
        yield path, f"{answer.headers} {answer.text}"
        for link in LINK.findall(answer.text):
            address = urlsplit(urljoin(str(answer.url), link.replace("&amp;", "&")))
            found = f"{address.path}?{address.query}" if address.query else address.path
            same = f"{address.scheme}://{address.netloc}" == str(client.base_url).rstrip("/")
            known = found in seen or len(seen) >= MOST_PAGES
            if same and not known and not re.search(r"/(static|logout|jsi18n)", found):
                seen.add(found)
                waiting.append(found)


def answers(fleet: Fleet) -> Iterator[tuple[str, str]]:
    document = fleet.api.get("openapi.json").json()
    for path, operations in document["paths"].items():
        if "get" in operations and "{" not in path:
            yield path, fleet.api.get(path.removeprefix("/api/v1/")).text
    for host in fleet.hosts:
        yield f"hosts/{host}", fleet.api.get(f"hosts/{host}").text
    for swap in fleet.get("swaps")["items"]:
        for path in (f"swaps/{swap['id']}", f"swaps/{swap['id']}/events"):
            yield path, fleet.api.get(path).text
    for form in ("csv", "jsonl"):
        yield f"the {form} of the audit", fleet.api.get(f"audit/export?format={form}").text
    metrics = httpx.get(f"{fleet.stack.console_url}/metrics", timeout=30, trust_env=False)
    yield "metrics", metrics.text


def rows(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Of every table, whatever is in it."""
    with psycopg.connect(fleet.stack.env["DATABASE_URL"]) as database:
        tables = database.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
            yield f"table {table}", "\n".join(row[0] for row in database.execute(query))


def messages(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Of Valkey: queues, results, gauges, groups."""
    valkey = redis.Redis.from_url(fleet.stack.env["VALKEY_URL"])
    read: dict[bytes, Any] = {
        b"string": valkey.get,
        b"list": lambda key: valkey.lrange(key, 0, -1),
        b"set": valkey.smembers,
        b"zset": lambda key: valkey.zrange(key, 0, -1, withscores=True),
        b"hash": valkey.hgetall,
    }
    for key in valkey.scan_iter(count=1000):
        kind = valkey.type(key)
        yield f"key {key!r}", f"{key!r} {read[kind](key) if kind in read else kind!r}"


def router_dump(fleet: Fleet) -> Iterator[tuple[str, str]]:
    transport = httpx.HTTPTransport(uds=str(fleet.stack.home.socket(f"{NODE}-admin")))
    with httpx.Client(transport=transport, base_url="http://envoy", timeout=30) as admin:
        for path in ("/config_dump", "/clusters", "/stats"):
            answer = admin.get(path)
            assert answer.status_code == 200
            yield f"Envoy's {path}", answer.text


def processes_and_logs(fleet: Fleet) -> Iterator[tuple[str, str]]:
    for log in sorted(fleet.stack.home.logs.rglob("*")):
        if log.is_file():
            yield f"log {log.name}", log.read_text(errors="replace")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # Any account of the machine can read it.
            yield f"command line of {process.name}", (process / "cmdline").read_text()
        except OSError:
            continue  # it has just ended


def test_no_secret_shows_anywhere(fleet: Fleet) -> None:
    act(fleet)
    wanted = secrets_of(fleet)
    # No secret, and in many places: the search does find what is there.
    shown = fleet.hosts["alpha"]["url"].rpartition(":")[2]
    searched: dict[str, bool] = {}
    leaks = []
    with signed_in(fleet) as client:
        for source in (
            pages(client, "/", "/admin/", "/hosts", "/router", "/audit", "/api/v1/docs"),
            answers(fleet),
            rows(fleet),
            messages(fleet),
            router_dump(fleet),
            processes_and_logs(fleet),
        ):
            for place, text in source:
                searched[place] = shown in text
                # As JSON and HTML write it, too.
                leaks += [
                    f"{name} in {place}"
                    for name, secret in wanted.items()
                    if secret in text or json.dumps(secret)[1:-1] in text
                ]
    assert not leaks, leaks
    for place in (
        "/hosts/alpha",
        "/admin/swaps/modelhost/",
        "/api/v1/hosts",
        "the csv of the audit",
        "table swaps_modelhost",
        "table swaps_auditentry",
        "Envoy's /config_dump",
        "log worker.log",
    ):
        assert searched.get(place), (place, sorted(searched))
    for place in ("metrics", "log console.log", "log router.log"):
        assert place in searched
    assert len([place for place in searched if place.startswith("/")]) > 30, sorted(searched)
    assert "DEBUG" in (fleet.stack.home.logs / "worker.log").read_text().upper()
