"""Every setting, from the environment. The handbook lists each with its default."""

import logging
import os
import ssl
from pathlib import Path
from typing import Any

import certifi
import structlog
from django.utils.csp import CSP
from django.utils.functional import SimpleLazyObject
from psycopg.conninfo import conninfo_to_dict

from hotswap_site import environment
from hotswap_site.embedded.paths import (
    HotswapHome,
    default_database_url,
    default_valkey_url,
)
from hotswap_site.embedded.private_file import kept_secret
from hotswap_site.router_limits import body_mib, flush_ms, headers, headers_kib, memory_mib
from hotswap_site.silent_postgres import ImpatientConnection

BASE_DIR = Path(__file__).resolve().parent.parent


def _systems_authorities() -> str:
    """The system's own bundle, or the one that comes with our HTTP client."""
    systems = (ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt")
    return next((path for path in systems if path and Path(path).exists()), certifi.where())


HOME = HotswapHome(Path(os.environ.get("HOTSWAP_HOME") or BASE_DIR / ".hotswap").absolute())


def _secret(variable: str, kept_as: str) -> Any:
    """From the environment, or made by the first process of this home that needs it: whoever
    only reads the settings, such as `manage.py help`, leaves nothing behind. A text, when used.
    """
    given = os.environ.get(variable)
    return given or SimpleLazyObject(lambda: kept_secret(HOME.path / kept_as, variable))


DEBUG = environment.flag("HOTSWAP_DEBUG")
SECRET_KEY = _secret("HOTSWAP_SECRET_KEY", "secret_key")
CREDENTIAL_KEY = os.environ.get("HOTSWAP_CREDENTIAL_KEY") or SECRET_KEY
CREDENTIAL_KEY_FALLBACKS = environment.words("HOTSWAP_CREDENTIAL_KEY_FALLBACKS")
# A key of its own: who can sign sessions must not thereby be able to rewrite the audit log.
AUDIT_KEY = _secret("HOTSWAP_AUDIT_KEY", "audit_key")
AUDIT_KEY_FALLBACKS = environment.words("HOTSWAP_AUDIT_KEY_FALLBACKS")
AUDIT_HEAD = HOME.path / "audit_head.json"
SEAL_SECONDS = environment.seconds("HOTSWAP_SEAL_SECONDS", 2)
ALLOWED_HOSTS = environment.words("HOTSWAP_ALLOWED_HOSTS", "127.0.0.1 localhost [::1]")
CSRF_TRUSTED_ORIGINS = environment.words("HOTSWAP_TRUSTED_ORIGINS")
# Whose X-Forwarded-For and X-Forwarded-Proto are believed (hotswap_site.trusted_proxies).
TRUSTED_PROXIES = environment.networks("HOTSWAP_TRUSTED_PROXIES")
# The only networks that model hosts may be in; none: any but those no host is in.
HOST_NETWORKS = environment.networks("HOTSWAP_HOST_NETWORKS")
# Who may vouch for an https host, to our calls and to Envoy alike.
HOST_CA_FILE = os.environ.get("HOTSWAP_HOST_CA_FILE") or _systems_authorities()

# Postgres: external when DATABASE_URL is set, ours otherwise.
DATABASE_POOL = environment.whole(
    "HOTSWAP_DATABASE_POOL", 0, least=0, most=10_000, what="connections"
)
DATABASE_URL = os.environ.get("DATABASE_URL") or default_database_url(HOME)


# A process that is stopped in a transaction, or whose machine is cut off, keeps its rows locked;
# then Postgres ends that session, and the others go on. No transaction of ours waits for anybody.
ABANDONED_TRANSACTION_SECONDS = 10
# A Postgres whose machine vanished sends nothing any more, not even an end: give up on it, too.
_NOTICE_SILENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


def postgres_at(url: str) -> dict[str, Any]:
    parts = conninfo_to_dict(url)
    known = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    given = {k: value for k, value in parts.items() if k not in known and value}
    options: dict[str, Any] = _NOTICE_SILENCE | given
    limit = f"-c idle_in_transaction_session_timeout={ABANDONED_TRANSACTION_SECONDS}s"
    options["options"] = f"{limit} {given.get('options', '')}".rstrip()  # the last one holds
    # For those of swaps.db.statements alone; Django's own are never prepared.
    options["prepare_threshold"] = 1
    if DATABASE_POOL:
        # Daphne gives each request a thread of its own, and a connection each would cost more
        # than most requests.
        options["pool"] = {
            "min_size": min(4, DATABASE_POOL),
            "max_size": DATABASE_POOL,
            "timeout": 10,
            # A line so long that its end gives up before its turn helps nobody.
            "max_waiting": 20 * DATABASE_POOL,
            # After so long it is tried again when somebody asks, and not minutes later: an
            # outage is over when Postgres is back.
            "reconnect_timeout": 5,
            "connection_class": ImpatientConnection,
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{setting: str(parts[key]) for key, setting in known.items() if parts.get(key)},
        "OPTIONS": options,
        # Without a pool kept open: opening one costs more than a whole step of a swap. A
        # broken one is found and replaced at the next use.
        "CONN_MAX_AGE": 0 if DATABASE_POOL else None,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": postgres_at(DATABASE_URL)}

# Valkey: broker, channel layer, live gauges. Losing it loses no state.
VALKEY_URL = os.environ.get("VALKEY_URL") or default_valkey_url(HOME)
# Whom rediss:// may be spoken to. For each client alike: one that did not verify would give the
# password to whoever answers.
VALKEY_CA_FILE = environment.certificates("HOTSWAP_VALKEY_CA_FILE") or _systems_authorities()
VALKEY_TLS: dict[str, Any] = (
    {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": VALKEY_CA_FILE,
    }
    if VALKEY_URL.startswith("rediss://")
    else {}
)
# Test databases run side by side; so that their messages don't meet, each has a prefix.
VALKEY_PREFIX = os.environ.get("HOTSWAP_VALKEY_PREFIX", "hotswap")

INSTALLED_APPS = [
    "daphne",
    "swaps",  # before Django's own, some of whose commands it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "pgtrigger",
    "hotswap_site",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "hotswap_site.static_files.StaticFiles",
    "hotswap_site.no_store.nothing_is_kept",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "hotswap_site.urls"
ASGI_APPLICATION = "hotswap_site.asgi.application"
APPEND_SLASH = False  # the API has no trailing slashes and no redirects

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "hotswap_site.flat_templates.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {
                "console": "swaps.console.shared.template_tags",
                "navigation": "swaps.console.navigation",
            },
        },
    },
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Daphne serves the files of all apps itself: a fresh clone needs no collectstatic.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
# Behind TLS set HOTSWAP_HTTPS=1: secure cookies, HSTS and the redirect come together.
_HTTPS = environment.flag("HOTSWAP_HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _HTTPS
# Probes speak plain HTTP, and take a redirect for an answer of the right kind.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SESSION_COOKIE_HTTPONLY = True
# Counted from signing in: a page that is left open looks again and again, and proves nobody there.
SESSION_COOKIE_AGE = round(
    environment.hours("HOTSWAP_SESSION_HOURS", 12, below=8761).total_seconds()
)
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
X_FRAME_OPTIONS = "DENY"
# How often within a minute, see swaps.access.throttles.
FAILED_LOGINS_PER_MINUTE = environment.per_minute("HOTSWAP_FAILED_LOGINS_PER_MINUTE", 10)
WRONG_TOKENS_PER_MINUTE = environment.per_minute("HOTSWAP_WRONG_TOKENS_PER_MINUTE", 60)
REQUESTS_PER_MINUTE = environment.per_minute("HOTSWAP_REQUESTS_PER_MINUTE", 6000)
EXPORTS_PER_MINUTE = environment.per_minute("HOTSWAP_EXPORTS_PER_MINUTE", 10)
# The largest body of one request, and of all together that are being taken and answered.
DATA_UPLOAD_MAX_MEMORY_SIZE = environment.whole(
    "HOTSWAP_CONSOLE_BODY_BYTES", 2_621_440, least=1024, most=1 << 30, what="bytes"
)
CONSOLE_BODIES_BYTES = max(64 * 1024 * 1024, 4 * DATA_UPLOAD_MAX_MEMORY_SIZE)
# Model names and traffic are nobody else's business where others can reach this port.
OPEN_METRICS = environment.flag("HOTSWAP_OPEN_METRICS", default=not _HTTPS)

CHANNEL_LAYERS = {
    "default": {
        # Pub/sub keeps no members behind when a Daphne is killed.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            # Without a socket timeout of None redis-py closes every idle websocket after 5 s.
            "hosts": [{"address": VALKEY_URL, "socket_timeout": None, **VALKEY_TLS}],
            "prefix": f"{VALKEY_PREFIX}:channels",
        },
    },
}

# Celery: short tasks that are safe to run twice; the truth is in Postgres.
CELERY = {
    "broker_url": VALKEY_URL.replace("unix://", "redis+socket://", 1),
    "broker_transport_options": {
        "global_keyprefix": f"{VALKEY_PREFIX}:celery:",
        # A worker killed with its message in hand: bring the message back soon. The sweep
        # would find the swap anyway.
        "visibility_timeout": 120,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        # Far longer than any answer takes: a Valkey whose machine vanished must not hold a
        # worker's threads for good.
        "socket_timeout": 15,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
    },
    **({"broker_use_ssl": VALKEY_TLS} if VALKEY_TLS else {}),
    # For ever: by default a worker gives up after a hundred tries, and is then no worker.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "task_default_queue": "swaps",
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "worker_hijack_root_logger": False,
    "worker_enable_remote_control": False,
    "task_publish_retry": False,  # a lost wake-up is found by the sweep; a slow one helps nobody
}
SWEEP_SECONDS = environment.seconds("HOTSWAP_SWEEP_SECONDS", 1)
RECONCILE_SECONDS = environment.seconds("HOTSWAP_RECONCILE_SECONDS", 5)
LOST_AFTER_SECONDS = environment.seconds("HOTSWAP_LOST_AFTER_SECONDS", 10)
LOAD_ATTEMPTS = environment.whole("HOTSWAP_LOAD_ATTEMPTS", 3, least=1, most=1000, what="attempts")
# How long what is over is kept, see swaps.engine.sweeping.retention; 0: for good.
KEEP_SWAPS = environment.days("HOTSWAP_KEEP_SWAPS_DAYS", 365)
KEEP_TRAFFIC = environment.days("HOTSWAP_KEEP_TRAFFIC_DAYS", 90)
KEEP_ROUTER_ROWS = environment.days("HOTSWAP_KEEP_ROUTER_DAYS", 7)

# The router process and its Envoys.
XDS_SOCKET = Path(os.environ.get("HOTSWAP_XDS_SOCKET") or HOME.socket("xds"))
XDS_LISTEN = os.environ.get("HOTSWAP_XDS_LISTEN", "")
XDS_CERTIFICATES = Path(os.environ.get("HOTSWAP_XDS_CERTIFICATES") or HOME.path / "xds").absolute()
ROUTER_FLUSH_MS = flush_ms()
# The largest body that is let in, and the memory that all of them together may take in one Envoy.
ROUTER_BODY_MIB = body_mib()
ROUTER_MEMORY_MIB = memory_mib()
ROUTER_HEADERS = headers()
ROUTER_HEADERS_KIB = headers_kib()

LOG_LEVEL = environment.one_of("HOTSWAP_LOG_LEVEL", "INFO", logging.getLevelNamesMapping())
_SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_SHARED_PROCESSORS,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
_RENDERER: Any = (
    structlog.processors.JSONRenderer()
    if environment.one_of("HOTSWAP_LOG_FORMAT", "text", ("text", "json")) == "json"
    else structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "event"], bool_as_flag=False
    )
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": _RENDERER,
            "foreign_pre_chain": _SHARED_PROCESSORS,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "daphne": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
    },
}
