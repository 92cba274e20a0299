"""A team's own Postgres, Redis and nginx, as Debian has them, each a private instance."""

import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from hotswap_site.embedded.child import Child, StopStep
from hotswap_site.embedded.launch import command
from hotswap_site.embedded.supervisor import Supervisor
from tests.real.network import CONTROL
from tests.real.told import block, with_words

ACCOUNT = "postgres"  # of Debian's package
PASSWORD = "a-password-of-the-test"
NAME = "hotswap.example.com"


def database_url(role: str) -> str:
    return f"postgresql://{role}:{PASSWORD}@{CONTROL}/hotswap"


def valkey_url() -> str:
    return f"redis://:{PASSWORD}@{CONTROL}:6379/0"


def _binaries() -> Path:
    return max(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name)
    )


def postgres_version() -> int:
    return int(_binaries().parent.name)


def start_postgres(supervisor: Supervisor, folder: Path) -> None:
    """With the roles of the README, made as it says."""
    binaries = _binaries()
    data = folder / "data"
    data.mkdir(parents=True)
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    for path in (folder, data, secret):
        shutil.chown(path, ACCOUNT, ACCOUNT)
    initdb = [str(binaries / "initdb"), "-D", str(data), "-A", "scram-sha-256", "-U", "postgres"]
    subprocess.run(
        command([*initdb, "--pwfile", str(secret), "--no-sync"], user=ACCOUNT),
        check=True,
        capture_output=True,
    )
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all samenet scram-sha-256\n")
    options = ["-c", f"listen_addresses={CONTROL}", "-k", str(folder)]
    supervisor.start(
        Child(
            name="database",
            argv=[str(binaries / "postgres"), "-D", str(data), *options],
            user=ACCOUNT,
            ready=_accepts,
            stop=(StopStep(signal.SIGINT, 20.0),),
        )
    )
    roles = with_words(block("sql", "CREATE ROLE hotswap_owner"), {"'...'": f"'{PASSWORD}'"})
    subprocess.run(
        [str(binaries / "psql"), "-v", "ON_ERROR_STOP=1", "-h", CONTROL, "-U", "postgres"],
        input=roles,
        env={"PGPASSWORD": PASSWORD},
        text=True,
        check=True,
        capture_output=True,
    )


def _accepts() -> bool:
    try:
        url = f"postgresql://postgres:{PASSWORD}@{CONTROL}/postgres"
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def start_redis(supervisor: Supervisor, folder: Path) -> None:
    folder.mkdir()
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    assert program, "neither valkey-server nor redis-server is installed"
    options = ["--bind", CONTROL, "--port", "6379", "--requirepass", PASSWORD, "--dir", str(folder)]
    supervisor.start(Child(name="redis", argv=[program, *options], shown=False))


def start_nginx(supervisor: Supervisor, folder: Path) -> Path:
    """By the README's configuration; returns the certificate that vouches for it."""
    folder.mkdir()
    certificate, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate), "-subj", f"/CN={NAME}"),
            *("-addext", f"subjectAltName=DNS:{NAME}"),
        ],
        check=True,
        capture_output=True,
    )
    site = with_words(block("nginx", "upstream hotswap"), {"/etc/hotswap/": f"{folder}/"})
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; user root; pid {folder}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{site}}}\n"
    )
    supervisor.start(Child(name="nginx", argv=["nginx", "-c", str(configuration)]))
    return certificate
