"""envoy.service.metrics.v3 as Python messages: xds-protos lacks these few.

The wire format is all that counts, so only the fields that are read are described; protobuf
skips the rest.
Source: envoy 1.40 api/envoy/service/metrics/v3/metrics_service.proto, and
https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
"""

from typing import Any

from envoy.config.core.v3 import base_pb2  # noqa: F401 - brings Node into the default pool
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

METRICS_SERVICE = "envoy.service.metrics.v3.MetricsService"
STREAM_METRICS = "StreamMetrics"

_F = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "hotswap.metrics"
_NODE = ".envoy.config.core.v3.Node"

# message: {field: (number, type or message name, repeated)}
_MESSAGES: dict[str, dict[str, tuple[int, int | str, bool]]] = {
    "Gauge": {"value": (1, _F.TYPE_DOUBLE, False)},
    "Counter": {"value": (1, _F.TYPE_DOUBLE, False)},
    "Bucket": {
        "cumulative_count": (1, _F.TYPE_UINT64, False),
        "upper_bound": (2, _F.TYPE_DOUBLE, False),
    },
    "Histogram": {
        "sample_count": (1, _F.TYPE_UINT64, False),
        "sample_sum": (2, _F.TYPE_DOUBLE, False),
        "bucket": (3, "Bucket", True),
    },
    "Metric": {
        "gauge": (2, "Gauge", False),
        "counter": (3, "Counter", False),
        "histogram": (7, "Histogram", False),
    },
    "MetricFamily": {
        "name": (1, _F.TYPE_STRING, False),
        "type": (3, _F.TYPE_INT32, False),
        "metric": (4, "Metric", True),
    },
    "Identifier": {"node": (1, _NODE, False)},
    "StreamMetricsMessage": {
        "identifier": (1, "Identifier", False),
        "envoy_metrics": (2, "MetricFamily", True),
    },
    "StreamMetricsResponse": {},
}

# io.prometheus.client.MetricType
COUNTER, GAUGE, HISTOGRAM = 0, 1, 4


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="hotswap/metrics.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=["envoy/config/core/v3/base.proto"],
    )
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind, repeated) in fields.items():
            field = message.field.add(
                name=field_name,
                number=number,
                label=_F.LABEL_REPEATED if repeated else _F.LABEL_OPTIONAL,
            )
            if isinstance(kind, str):
                field.type = _F.TYPE_MESSAGE
                field.type_name = kind if kind.startswith(".") else f".{_PACKAGE}.{kind}"
            else:
                field.type = kind  # type: ignore[assignment]
    return file


def _message_class(name: str) -> Any:
    return message_factory.GetMessageClass(
        descriptor_pool.Default().FindMessageTypeByName(f"{_PACKAGE}.{name}")
    )


descriptor_pool.Default().Add(_file())
StreamMetricsMessage = _message_class("StreamMetricsMessage")
StreamMetricsResponse = _message_class("StreamMetricsResponse")
