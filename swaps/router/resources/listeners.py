"""The door for inference clients (LDS), and how a path finds its model's table (SRDS)."""

import json
from datetime import timedelta
from importlib.metadata import version

from django.conf import settings
from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.common.mutation_rules.v3 import mutation_rules_pb2
from envoy.config.core.v3 import (
    address_pb2,
    base_pb2,
    config_source_pb2,
    protocol_pb2,
    substitution_format_string_pb2,
)
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.config.route.v3 import route_components_pb2, scoped_route_pb2
from envoy.extensions.access_loggers.filters.cel.v3 import cel_pb2
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.http.upstream_codec.v3 import upstream_codec_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm_pb2,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import (
    header_mutation_pb2 as early_pb2,
)
from envoy.type.matcher.v3 import regex_pb2, string_pb2
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from swaps.router.resources.route_tables import (
    ASKED_HEADER,
    METADATA,
    METADATA_VERSION,
    PATH_HEADER,
    VERSION_HEADER,
)

LISTENER = "inference"
STAT_PREFIX = "in"

# A client that never finishes its headers costs a connection, no more.
HEADERS_TIMEOUT = timedelta(seconds=10)
# One that never finishes its body holds a place on a host, and so a drain.
BODY_TIMEOUT = timedelta(minutes=5)
# A kept-alive connection without requests is closed after this long.
CONNECTION_IDLE_TIMEOUT = timedelta(minutes=15)
# Per connection and direction; what is kept of a body to send it again is the route tables' matter.
BUFFER_BYTES = 1 << 20
MAX_HTTP2_STREAMS = 256
RETRY_AFTER_SECONDS = "1"
# It sends no name; nothing goes by it.
HOST_OF_HTTP_1_0 = "router"
# What a client of the protocol asks of a server, answered by the router itself.
_OF_THE_ROUTER_ITSELF = {
    "/v2/health/live": {"live": True},
    "/v2/health/ready": {"ready": True},
    "/v2": {"name": "hotswap-router", "version": version("hotswap"), "extensions": []},
}
# /v2/models/NAME/…: the third part after the first slash's nothing.
MODEL_POSITION_IN_PATH = 3
# Of the scope in which no model is: no path has it as a part.
NO_MODEL = " "


def build_listener(address: str, port: int) -> listener_pb2.Listener:
    listener = listener_pb2.Listener(
        name=LISTENER,
        address=address_pb2.Address(
            socket_address=address_pb2.SocketAddress(address=address, port_value=port)
        ),
        per_connection_buffer_limit_bytes=UInt32Value(value=BUFFER_BYTES),
        # One accept queue a worker: a busy worker does not starve the others' clients.
        enable_reuse_port=BoolValue(value=True),
    )
    network = listener_components_pb2.Filter(name="envoy.filters.network.http_connection_manager")
    network.typed_config.Pack(_connection_manager())
    listener.filter_chains.add().filters.append(network)
    return listener


def build_scope(
    name: str, model_name: str, table: str
) -> scoped_route_pb2.ScopedRouteConfiguration:
    fragment = scoped_route_pb2.ScopedRouteConfiguration.Key.Fragment(string_key=model_name)
    return scoped_route_pb2.ScopedRouteConfiguration(
        name=name,
        route_configuration_name=table,
        key=scoped_route_pb2.ScopedRouteConfiguration.Key(fragments=[fragment]),
    )


def _connection_manager() -> hcm_pb2.HttpConnectionManager:
    manager = hcm_pb2.HttpConnectionManager(
        codec_type=hcm_pb2.HttpConnectionManager.AUTO,
        stat_prefix=STAT_PREFIX,
        scoped_routes=_scoped_routes(),
        common_http_protocol_options=protocol_pb2.HttpProtocolOptions(
            idle_timeout=CONNECTION_IDLE_TIMEOUT,
            # `x_hs_path` and `x-hs-path` are one header to some servers behind us.
            headers_with_underscores_action=protocol_pb2.HttpProtocolOptions.REJECT_REQUEST,
            max_headers_count=UInt32Value(value=settings.ROUTER_HEADERS),
        ),
        max_request_headers_kb=UInt32Value(value=settings.ROUTER_HEADERS_KIB),
        # What nginx speaks to those behind it, unless told otherwise.
        http_protocol_options=protocol_pb2.Http1ProtocolOptions(
            accept_http_10=True, default_host_for_http_10=HOST_OF_HTTP_1_0
        ),
        # 5 min by default, for every stream: long inferences are bounded by the routes' own.
        stream_idle_timeout=timedelta(0),
        request_headers_timeout=HEADERS_TIMEOUT,
        request_timeout=BODY_TIMEOUT,
        # The address that connected is the client. Without it any client could forge
        # x-forwarded-for, and with it x-envoy-* commands, such as retries of its own.
        use_remote_address=BoolValue(value=True),
        normalize_path=BoolValue(value=True),
        merge_slashes=True,
        path_with_escaped_slashes_action=hcm_pb2.HttpConnectionManager.REJECT_REQUEST,
        # A client's id is kept, a missing one is made, and the answer repeats it: one id
        # from the client's log through ours to the host's.
        generate_request_id=BoolValue(value=True),
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        server_header_transformation=hcm_pb2.HttpConnectionManager.PASS_THROUGH,
        local_reply_config=_local_replies(),
    )
    # Nobody is internal: Envoy takes x-envoy-* commands (retries, timeouts) from internal
    # clients, and a retry `on 5xx` would run an inference twice.
    manager.internal_address_config.cidr_ranges.add(
        address_prefix="255.255.255.255"
    ).prefix_len.value = 32
    manager.http2_protocol_options.max_concurrent_streams.value = MAX_HTTP2_STREAMS
    # Before a request's table is looked up, and whatever the client says of it.
    asked = manager.early_header_mutation_extensions.add(
        name="envoy.http.early_header_mutation.header_mutation"
    )
    asked.typed_config.Pack(
        early_pb2.HeaderMutation(mutations=[_always(ASKED_HEADER, "%PATH(NQ)%")])
    )
    # Only the router filter. One that pauses on the body (buffer, json_to_metadata, Lua's
    # body()) would hold half-sent requests in no gauge, past their choice of version, and
    # the drain proof would be wrong.
    http_filter = manager.http_filters.add(name="envoy.filters.http.router")
    http_filter.typed_config.Pack(_router_filter())
    return manager


def _scoped_routes() -> hcm_pb2.ScopedRoutes:
    ads = config_source_pb2.ConfigSource(
        ads=config_source_pb2.AggregatedConfigSource(),
        resource_api_version=config_source_pb2.ApiVersion.V3,
    )
    fragment = hcm_pb2.ScopedRoutes.ScopeKeyBuilder.FragmentBuilder()
    extractor = fragment.header_value_extractor
    # Not the path itself: `/v2/models/iris?x=1` would be one of a model named `iris?x=1`.
    extractor.name = ASKED_HEADER
    extractor.element_separator = "/"
    extractor.index = MODEL_POSITION_IN_PATH
    return hcm_pb2.ScopedRoutes(
        name="models",
        scope_key_builder=hcm_pb2.ScopedRoutes.ScopeKeyBuilder(fragments=[fragment]),
        rds_config_source=ads,
        scoped_rds=hcm_pb2.ScopedRds(scoped_rds_config_source=ads),
    )


def _router_filter() -> router_pb2.Router:
    router = router_pb2.Router(suppress_envoy_headers=True)
    mutation = header_mutation_pb2.HeaderMutation()
    for ours in (PATH_HEADER, ASKED_HEADER):
        mutation.mutations.request_mutations.add(remove=ours)
    mutation.mutations.response_mutations.append(
        _always(VERSION_HEADER, f"%CLUSTER_METADATA({METADATA}:{METADATA_VERSION})%")
    )
    strip = router.upstream_http_filters.add(name="envoy.filters.http.header_mutation")
    strip.typed_config.Pack(mutation)
    codec = router.upstream_http_filters.add(name="envoy.filters.http.upstream_codec")
    codec.typed_config.Pack(upstream_codec_pb2.UpstreamCodec())
    return router


def _always(name: str, value: str) -> mutation_rules_pb2.HeaderMutation:
    return mutation_rules_pb2.HeaderMutation(
        append=base_pb2.HeaderValueOption(
            header=base_pb2.HeaderValue(key=name, value=value),
            append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
        )
    )


def _local_replies() -> hcm_pb2.LocalReplyConfig:
    """Every answer of our own in the protocol's form, {"error": reason}.

    The first that fits is taken.
    """
    config = hcm_pb2.LocalReplyConfig(body_format=_json("%LOCAL_REPLY_BODY%"))
    overloaded = config.mappers.add(filter=_by_details("overload"))
    overloaded.body_format_override.CopyFrom(
        _json("this router's memory is full of requests (HOTSWAP_ROUTER_MEMORY_MIB): ask again")
    )
    overloaded.headers_to_add.add(
        header=base_pb2.HeaderValue(key="retry-after", value=RETRY_AFTER_SECONDS)
    )
    # No path of these leads to a model, so they come here. An Envoy listens once it has its
    # routes: until then nobody is answered, and from then on it is ready.
    for path, answer in _OF_THE_ROUTER_ITSELF.items():
        itself = config.mappers.add(
            filter=_all_of(_header(":method", "GET"), _header(":path", rf"{path}(\?.*)?"))
        )
        itself.status_code.value = 200
        itself.body_format_override.CopyFrom(
            substitution_format_string_pb2.SubstitutionFormatString(
                text_format_source=base_pb2.DataSource(inline_string=json.dumps(answer)),
                content_type="application/json",
            )
        )
    upgrade = config.mappers.add(filter=_all_of(_status(403), _header("upgrade", ".*")))
    upgrade.body_format_override.CopyFrom(
        _json("the router takes no upgrade to %REQ(UPGRADE):40%: send the request by plain HTTP")
    )
    headers = config.mappers.add(filter=_status(431))
    headers.body_format_override.CopyFrom(
        _json(
            f"the headers are more than {settings.ROUTER_HEADERS_KIB} KiB or "
            f"{settings.ROUTER_HEADERS} fields, the most that this router takes "
            "(HOTSWAP_ROUTER_HEADERS_KIB, HOTSWAP_ROUTER_HEADERS)"
        )
    )
    no_route = config.mappers.add(
        filter=accesslog_pb2.AccessLogFilter(
            response_flag_filter=accesslog_pb2.ResponseFlagFilter(flags=["NR"])
        )
    )
    no_route.body_format_override.CopyFrom(
        _json("the router knows no model for %REQ(:METHOD)% %REQ(:PATH):200%")
    )
    return config


def _by_details(details: str) -> accesslog_pb2.AccessLogFilter:
    """By Envoy's own word for why it answered: for an overload it sets no flag."""
    why = cel_pb2.ExpressionFilter(expression=f"response.code_details == '{details}'")
    by = accesslog_pb2.ExtensionFilter(name="envoy.access_loggers.extension_filters.cel")
    by.typed_config.Pack(why)
    return accesslog_pb2.AccessLogFilter(extension_filter=by)


def _status(status: int) -> accesslog_pb2.AccessLogFilter:
    equal = accesslog_pb2.ComparisonFilter(
        op=accesslog_pb2.ComparisonFilter.EQ,
        value=base_pb2.RuntimeUInt32(default_value=status, runtime_key="hotswap.never_set"),
    )
    return accesslog_pb2.AccessLogFilter(
        status_code_filter=accesslog_pb2.StatusCodeFilter(comparison=equal)
    )


def _header(name: str, pattern: str) -> accesslog_pb2.AccessLogFilter:
    """The whole of the request's header is that."""
    value = string_pb2.StringMatcher(safe_regex=regex_pb2.RegexMatcher(regex=pattern))
    matcher = route_components_pb2.HeaderMatcher(name=name, string_match=value)
    return accesslog_pb2.AccessLogFilter(header_filter=accesslog_pb2.HeaderFilter(header=matcher))


def _all_of(*filters: accesslog_pb2.AccessLogFilter) -> accesslog_pb2.AccessLogFilter:
    return accesslog_pb2.AccessLogFilter(and_filter=accesslog_pb2.AndFilter(filters=filters))


def _json(error: str) -> substitution_format_string_pb2.SubstitutionFormatString:
    body = Struct()
    body.update({"error": error})
    return substitution_format_string_pb2.SubstitutionFormatString(json_format=body)
