"""Examples of the document, by the name of the schema that each is one of.

A test checks every one against its schema.
"""

from collections.abc import Mapping
from typing import Any

from swaps.api.schemas import body_name
from swaps.domain.commands import ENTRIES

SWAP_ID = "3f1d9c1e-5c1b-4d2c-9a61-0f6f1f7a2b10"
SAMPLE = {
    "inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}]
}
ETAG = "1f0c2a9b.77e0d1c4.09ab3f52.c1d2e3f4"
TRAFFIC = {
    "requests_per_second": 41.5,
    "errors_percent": 0.0,
    "p50_ms": 4.1,
    "p95_ms": 7.9,
    "p99_ms": 12.0,
    "over_ms": None,
}
DIGEST = "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab"
STEPS = [{"setWeight": 5}, {"pause": {"duration": 60}}, {"setWeight": 100}]

_VERSION = {
    "version": "1.0",
    "active": True,
    "weight": 95,
    "in_flight": 3,
    "hosts": [{"host": "gpu-7", "status": "ready", "desired": "loaded", "reason": ""}],
    "traffic": TRAFFIC,
}
_TOKEN = {
    "id": 7,
    "name": "deploy pipeline",
    "prefix": "hs_4fT9aQx1",
    "user": "olga",
    "role": "operator",
    "models": ["iris"],
    "made_by": "ada",
    "created_at": "2026-10-01T09:00:00Z",
    "expires_at": None,
    "last_used_at": "2026-10-02T10:00:00Z",
    "revoked_at": None,
}
_ENTRY = {
    "id": 481,
    "time": "2026-10-02T10:00:00Z",
    "actor": "olga",
    "role": "operator",
    "source": "API",
    "token": "hs_4fT9aQx1",
    "address": "192.0.2.7",
    "request_id": "5b1c",
    "action": "swap",
    "object_kind": "model",
    "object_name": "iris",
    "swap": SWAP_ID,
    "outcome": "done",
    "reason": "ticket 481",
    "before": {"serving": "1.0"},
    "after": {"swap": "1.0 → 1.1", "hosts": ["gpu-7"]},
}

_HOST = {
    "name": "gpu-7",
    "kind": "bundled",
    "url": "http://gpu-7.example.org:8001",
    "address": "10.20.0.7",
    "health": "healthy",
    "health_reason": None,
    "last_seen_at": "2026-10-02T10:00:00Z",
    "boot_id": "b7d2",
    "has_control_token": True,
    "max_concurrent_loads": 1,
    "loads_running": 0,
    "idle_timeout_seconds": None,
    "measured_keep_alive_seconds": 4.9,
    "idle_timeout_in_use_seconds": 2.45,
    "capabilities": {"reports_digest": True},
    "versions": [
        {
            "model": "iris",
            "version": "1.0",
            "desired": "loaded",
            "status": "ready",
            "reason": "",
            "digest": "sha256:5c1b",
            "size_bytes": 5120,
            "observed_at": "2026-10-02T10:00:00Z",
            "drift": None,
        }
    ],
    "unregistered": [],
    "etag": ETAG,
}

ANSWERS: Mapping[str, Any] = {
    "ModelHostReading": _HOST,
    "CheckedHostReading": _HOST
    | {
        "checks": [
            {
                "name": "resolves",
                "result": "passed",
                "words": "gpu-7.example.org stands for 10.20.0.7",
                "remedy": "",
            }
        ]
    },
    "ModelReading": {
        "name": "iris",
        "hosts": ["gpu-7"],
        "sample_request": SAMPLE,
        "versions": [_VERSION],
        "route": {"revision": 12, "weights": {"1.0": 95, "1.1": 5}, "applied": None},
        "open_swap": SWAP_ID,
        "queue": [],
        "queue_held_reason": None,
        "protected": False,
        "unprotect_request": None,
        "default_strategy": {"name": "canary", "steps": STEPS},
        "drain_timeout_seconds": 30,
        "load_timeout_seconds": 600,
        "on_drain_timeout": "wait",
        "keep_warm_seconds": 0,
        "etag": ETAG,
    },
    "VersionReading": _VERSION,
    "SwapReading": {
        "id": SWAP_ID,
        "model_name": "iris",
        "from_version": "1.0",
        "to_version": "1.1",
        "state": "Transitioning",
        "phase": "in-progress",
        "start_time": "2026-10-02T10:00:00Z",
        "end_time": None,
        "error_message": None,
        "weights": {
            "requested": {"1.0": 95, "1.1": 5},
            "applied": {"1.0": 95, "1.1": 5},
            "observed": {"1.0": 94.8, "1.1": 5.2},
        },
        "in_flight": {"from": 3, "to": 0},
        "traffic": {"1.0": TRAFFIC},
        "approval": None,
        "waiting_for": "Holding 5 % on 1.1 for 60 s.",
        "steps": [
            {
                "kind": "set-weight",
                "words": "5 %",
                "weight": 5,
                "duration_seconds": None,
                "status": "done",
                "seconds_left": None,
            },
            {
                "kind": "hold",
                "words": "hold 60 s",
                "weight": None,
                "duration_seconds": 60.0,
                "status": "current",
                "seconds_left": 42.0,
            },
        ],
        "strategy": "canary",
        "step_index": 1,
        "deadline": None,
        "generation": 7,
        "revision": 12,
        "reason": "ticket 481",
        "requested_by": "olga",
        "hosts": [{"host": "gpu-7", "from_status": "ready", "to_status": "ready", "reason": ""}],
        "nodes": [
            {
                "node": "edge-1",
                "connected": True,
                "revision": 12,
                "applied": True,
                "applied_ms": 4.2,
                "proven": False,
                "warm": True,
                "refusal": "",
                "in_flight": {"from": 14, "to": 5},
            }
        ],
        "timings": {
            "load_seconds": 2.4,
            "routing_update_ms": 4.2,
            "drain_ms": None,
            "overhead_ms": None,
            "total_seconds": 21.0,
        },
        "commands": {
            "rollback": None,
            "pause": None,
            "cancel": "traffic has moved: roll back instead",
        },
        "paused": False,
        "queued": False,
        "queue_position": None,
        "cleanup_pending": False,
        "past_point_of_no_return": False,
        "drained_at": None,
        "forced_by": "",
        "reverses": None,
        "drain_timeout_seconds": 30,
        "load_timeout_seconds": 600,
        "swap_timeout_seconds": None,
        "on_drain_timeout": "wait",
        "keep_warm_seconds": 0,
        "min_ready_hosts": None,
    },
    "EventReading": {
        "time": "2026-10-02T10:00:02Z",
        "kind": "transition",
        "from_state": "LoadingNewVersion",
        "to_state": "Transitioning",
        "actor": "engine",
        "source": "engine",
        "reason": "1.1 is ready and warm on gpu-7",
        "generation": 3,
        "data": {},
    },
    "StreamedEvent": {
        "id": "3",
        "event": "transition",
        "data": '{"kind": "transition", "to_state": "Transitioning", "generation": 3}',
    },
    "StrategyReading": {
        "name": "careful",
        "steps": STEPS,
        "words": "5 %, hold 60 s, 100 %",
        "sticky_header": "x-user",
        "description": "For models that bill.",
        "ready_made": False,
        "default_of": ["iris"],
        "created_at": "2026-10-01T09:00:00Z",
        "etag": ETAG,
    },
    "AuditReading": _ENTRY,
    "ProvenEntry": _ENTRY
    | {
        "proof": {
            "state": "sealed",
            "seal": 481,
            "sealed_at": "2026-10-02T10:00:02Z",
            "reason": None,
        }
    },
    "RouterReading": {
        "processes": [
            {
                "id": "9a61f0c2-11aa-4b6e-8d0f-2b10c5d77e01",
                "started_at": "2026-10-01T09:00:00Z",
                "lease_until": "2026-10-02T10:00:10Z",
                "live": True,
            }
        ],
        "nodes": [
            {
                "node": "edge-1",
                "nonce": "4b1f0c2a",
                "state": "connected",
                "required": True,
                "router": "9a61f0c2-11aa-4b6e-8d0f-2b10c5d77e01",
                "connected_at": "2026-10-01T09:00:01Z",
                "last_seen_at": "2026-10-02T10:00:00Z",
                "ended_at": None,
                "ended_reason": None,
                "refusal": None,
                "gauges_fresh": True,
                "gauges_age_seconds": 0.2,
                "in_flight": 3,
                "requests_per_second": 412.5,
                "routes": [
                    {
                        "model": "iris",
                        "revision": 12,
                        "applied": True,
                        "acked_at": "2026-10-02T10:00:00Z",
                        "refused_revision": None,
                        "refusal": None,
                    }
                ],
            }
        ],
        "routes": [
            {
                "model": "iris",
                "revision": 12,
                "weights": {"1.0": 95, "1.1": 5},
                "applied": {"1.0": 95, "1.1": 5},
            }
        ],
        "certificates": [
            {
                "holder": "node",
                "name": "edge-1",
                "ends_at": "2027-10-01T09:00:00Z",
                "warning": None,
            }
        ],
    },
    "Me": {
        "name": "olga",
        "role": "operator",
        "source": "API",
        "token": "hs_4fT9aQx1",
        "models": ["iris"],
    },
    "TokenReading": _TOKEN,
    "IssuedToken": _TOKEN | {"token": "hs_4fT9aQx1…"},
    "UserReading": {
        "username": "olga",
        "role": "operator",
        "active": True,
        "live_tokens": 1,
        "last_login": "2026-10-02T09:58:00Z",
        "created_at": "2026-10-01T09:00:00Z",
        "etag": ETAG,
    },
    "Drained": {"drained": True},
}

BODIES: Mapping[str, Any] = {
    "NewSwap": {
        "model_name": "iris",
        "from_version": "1.0",
        "to_version": "1.1",
        "strategy": "canary",
        "reason": "ticket 481",
    },
    "CommandBody": {"reason": "ticket 481"},
    **{body_name(entry): entry.example for entry in ENTRIES.values() if entry.fields},
    "ApproveBody": {"inputs_digest": DIGEST, "reason": "checked the numbers"},
    "RejectBody": {"reason": "not before the holidays"},
    "Activation": {"target_hosts": ["gpu-7"]},
    "NewModel": {"name": "iris", "sample_request": SAMPLE, "default_strategy": "canary"},
    "ModelEdit": {"drain_timeout_seconds": 120, "default_strategy": "linear"},
    "NewHost": {
        "name": "gpu-7",
        "kind": "bundled",
        "url": "http://gpu-7.example.org:8001",
        "control_token": "what the host asks for",
    },
    "HostEdit": {"max_concurrent_loads": 2},
    "NewStrategy": {"name": "careful", "steps": STEPS, "sticky_header": "x-user"},
    "StrategyEdit": {"description": "For models that bill."},
    "NewToken": {"name": "deploy pipeline", "role": "operator", "models": ["iris"]},
    "NewUser": {
        "username": "olga",
        "password": "a long phrase is easy to keep",
        "role": "operator",
    },
    "UserEdit": {"role": "viewer"},
}
