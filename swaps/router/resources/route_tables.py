"""A model's route as an Envoy route table (RDS): weights, pinned versions, nothing else."""

import re
from collections.abc import Iterable
from datetime import timedelta
from functools import cache, lru_cache

from django.conf import settings
from envoy.config.core.v3 import base_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2
from envoy.type.matcher.v3 import string_pb2
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value, UInt64Value

from swaps.domain.names import name_problem
from swaps.domain.strategies import sticky_header_problem
from swaps.router.port import DesiredCluster, DesiredModel, DesiredRoute

# Carries the path on the host from a weighted entry to `path_rewrite`: an entry cannot
# rewrite the path itself. A client's own is overwritten, and it never reaches the host.
PATH_HEADER = "x-hs-path"
# The path that was asked for, without its query: what a request's model is found by.
ASKED_HEADER = "x-hs-asked"
# Before a cluster's name: requests that asked for this very version are counted apart, so that
# a swap's plan can say how many callers will get 410.
PINNED_STATS = "pinned_"
# Of what a version answered, and of nothing that the router says itself: so it is put on behind
# the retries, by the metadata of the cluster that answered.
VERSION_HEADER = "x-model-version"
METADATA, METADATA_VERSION = "hotswap", "version"

# A request may run as long as it sends or answers anything; after this long without a sign
# it is ended, so that a peer that vanished cannot hold a drain for ever.
REQUEST_IDLE_TIMEOUT = timedelta(minutes=10)

# Retried only while the host cannot have begun to work: a retry after `reset` could run one
# inference twice.
SAFE_RETRIES = "connect-failure,refused-stream,reset-before-request"
# And where the host itself says so, by the header of its kind: one that came back empty, or from
# which somebody unloaded the version, answers at once, and checks see it a second later.
RETRIES_BY_SIGN = f"{SAFE_RETRIES},retriable-headers"
# A retry that waits is in no gauge, so the drain proof would miss it. Envoy waits a random whole
# number of ms below this, so with the least it takes the retry comes at once; were it more, one
# request could be between two attempts at each of the flushes that find the version idle.
# Source: envoy 1.40, source/common/common/backoff_strategy.cc.
RETRY_BACK_OFF = timedelta(milliseconds=1)
NUM_RETRIES = 3
# At another host, if there is one: whoever balances by requests in flight likes a dead host
# best. Of two hosts it picks the idle one three times in four, so it may pick this often.
PICKS_OF_ANOTHER_HOST = 32

MIB = 1 << 20
# Above it a number in a header is none to Envoy.
LARGEST_NUMBER = 2**63 - 1

# What may be asked of a model: method, and what its path ends with.
VERBS = (("POST", "/infer"), ("GET", "/ready"), ("GET", ""))

_SALT = re.compile(r"[0-9a-z-]{0,32}")


def route_problem(model: DesiredModel, route: DesiredRoute) -> str | None:
    """Why this route cannot be pushed, or None. Envoy accepts some of these silently."""
    what = f"route of {model.name} revision {route.revision}"
    # Of a row: JSON knows no integers of its own, and True is one to Python.
    odd = [w for w in route.weights.values() if not isinstance(w, int) or isinstance(w, bool)]
    if odd:
        return f"{what}: {odd[0]!r} is no weight"
    if route.weights and sum(route.weights.values()) != 100:
        return f"{what}: weights sum to {sum(route.weights.values())}, not 100"
    if any(weight < 0 for weight in route.weights.values()):
        return f"{what}: a weight is negative"
    for version in sorted(active_versions(route)):
        if version not in model.clusters:
            return f"{what}: version {version} has no cluster"
    if splits(route):
        problem = sticky_header_problem(route.sticky_header)
        if problem:
            return f"{what}: {problem}"
        if not _SALT.fullmatch(route.split_salt):
            return f"{what}: {route.split_salt!r} is no salt"
    return None


def splits(route: DesiredRoute) -> bool:
    """Whether callers are divided: a route with one version carries nothing of a split, so
    whatever may be wrong with one, the way out of it is open.
    """
    return sum(1 for weight in route.weights.values() if weight) > 1


def active_versions(route: DesiredRoute) -> set[str]:
    """Versions that some path of this table leads to."""
    return {v for v, weight in route.weights.items() if weight} | set(route.pinned)


def build_route_table(model: DesiredModel, route: DesiredRoute) -> route_pb2.RouteConfiguration:
    """`route` must have no `route_problem`."""
    base = f"/v2/models/{model.name}"
    table = route_pb2.RouteConfiguration(
        name=route.table,
        internal_only_headers=[PATH_HEADER],
        # A table that names a cluster Envoy does not have is a NACK, not a row of 503s.
        validate_clusters=BoolValue(value=True),
    )
    host = table.virtual_hosts.add(
        name=route.table,
        domains=["*"],
        # What is kept of a body, to send it again: all of what is let in. Of a larger one, where
        # its length was not told, the host decides; it can only not be sent again.
        request_body_buffer_limit=UInt64Value(value=settings.ROUTER_BODY_MIB * MIB),
    )
    host.routes.append(_refuse_larger(settings.ROUTER_BODY_MIB))
    weights = {version: weight for version, weight in route.weights.items() if weight}
    for method, verb in VERBS:
        if weights:
            entries = [
                _entry(model.clusters[version], weight, verb)
                for version, weight in sorted(weights.items())
            ]
            signs = _signs(model.clusters[version] for version in weights)
            if splits(route) and route.sticky_header:
                # No name is nobody's: without this, all who send it empty were one caller.
                nobody = _exactly(method, base + verb, _forward(entries, signs))
                nobody.match.headers.add(name=route.sticky_header).string_match.exact = ""
                host.routes.append(nobody)
                entry = _sticky(_forward(entries, signs), route)
            else:
                entry = _forward(entries, signs)
            host.routes.append(_exactly(method, base + verb, entry))
        else:
            host.routes.append(
                _refuse_exactly(method, base + verb, f"no version of {model.name} is active")
            )
    for version in sorted(active_versions(route)):
        host.routes.extend(_pinned(base, model.clusters[version]))
    # A courtesy to those who pin; nothing that is wrong with it may keep a route from a node.
    for version in sorted(set(filter(_is_version, route.gone)) - active_versions(route)):
        reason = (
            f"version {version} of {model.name} is served no longer: another one took its place"
        )
        host.routes.append(_refuse_below(f"{base}/versions/{version}", 410, reason))
    host.routes.append(
        _refuse_below(f"{base}/versions", 404, f"{model.name} has no such version or verb here")
    )
    # Also what keeps load, unload and the repository index away from clients.
    otherwise = _refuse(404, f"{model.name} serves POST infer, GET ready and GET metadata here")
    otherwise.match.prefix = "/"
    host.routes.append(otherwise)
    return table


def build_stand_in(model: DesiredModel, table: str) -> route_pb2.RouteConfiguration:
    """What a node without a table of this model is given, while there is none that it would take:
    an Envoy that waits for one serves no other model either, for 15 s from its start.
    """
    stand_in = route_pb2.RouteConfiguration(name=table, internal_only_headers=[PATH_HEADER])
    refusal = _refuse(
        503,
        f"the router cannot serve {model.name} now: its route is refused, and the console's "
        "router page says why",
    )
    refusal.match.prefix = "/"
    stand_in.virtual_hosts.add(name=table, domains=["*"]).routes.append(refusal)
    return stand_in


def _is_version(name: object) -> bool:
    return isinstance(name, str) and name_problem(name, of="version") is None


@lru_cache(maxsize=10_000)
def _pinned(base: str, cluster: DesiredCluster) -> tuple[route_components_pb2.Route, ...]:
    """Kept: a change of weights changes none of these, and they are two thirds of a table."""
    routes = []
    for method, verb in VERBS:
        action = _forward([_entry(cluster, 100, verb)], _signs([cluster]))
        pinned = _exactly(method, f"{base}/versions/{cluster.version}{verb}", action)
        pinned.stat_prefix = PINNED_STATS + cluster.name
        routes.append(pinned)
    return tuple(routes)


def _path_on_host(cluster: DesiredCluster, verb: str) -> str:
    match verb:
        case "/infer":
            return cluster.infer_path
        case "/ready":
            return cluster.ready_path
        case _:
            return cluster.metadata_path


@lru_cache(maxsize=10_000)
def _entry(
    cluster: DesiredCluster, weight: int, verb: str
) -> route_components_pb2.WeightedCluster.ClusterWeight:
    return route_components_pb2.WeightedCluster.ClusterWeight(
        name=cluster.name,
        weight=UInt32Value(value=weight),
        request_headers_to_add=[_overwrite(PATH_HEADER, _path_on_host(cluster, verb))],
    )


def _signs(clusters: Iterable[DesiredCluster]) -> tuple[str, ...]:
    """The headers by which one of their hosts says that it has begun nothing."""
    found = {endpoint.not_begun for cluster in clusters for endpoint in cluster.endpoints}
    return tuple(sorted(found - {""}))


def _forward(
    entries: list[route_components_pb2.WeightedCluster.ClusterWeight],
    signs: tuple[str, ...],
) -> route_components_pb2.RouteAction:
    action = route_components_pb2.RouteAction()
    action.CopyFrom(_forwarding(signs))
    action.weighted_clusters.clusters.extend(entries)
    return action


def _sticky(
    action: route_components_pb2.RouteAction, route: DesiredRoute
) -> route_components_pb2.RouteAction:
    action.weighted_clusters.use_hash_policy.value = True
    header = action.hash_policy.add().header
    header.header_name = route.sticky_header
    # Else the same callers were the first in every swap: what is hashed is the salt and the value.
    header.regex_rewrite.pattern.regex = "^"
    header.regex_rewrite.substitution = f"{route.split_salt}:"
    return action


@cache
def _forwarding(signs: tuple[str, ...]) -> route_components_pb2.RouteAction:
    """What all forwarding has in common: it is most of a table, and to build it most of the time
    that a table takes.
    """
    return route_components_pb2.RouteAction(
        path_rewrite=f"%REQ({PATH_HEADER})%",
        # As its host is called; what the client called the router is in x-forwarded-host.
        auto_host_rewrite=BoolValue(value=True),
        append_x_forwarded_host=True,
        timeout=timedelta(0),  # 15 s by default; inferences take what they take
        idle_timeout=REQUEST_IDLE_TIMEOUT,
        retry_policy=route_components_pb2.RetryPolicy(
            retry_on=RETRIES_BY_SIGN if signs else SAFE_RETRIES,
            retriable_headers=[
                route_components_pb2.HeaderMatcher(name=sign, present_match=True) for sign in signs
            ],
            num_retries=UInt32Value(value=NUM_RETRIES),
            retry_host_predicate=[_another_host()],
            host_selection_retry_max_attempts=PICKS_OF_ANOTHER_HOST,
            retry_back_off=route_components_pb2.RetryPolicy.RetryBackOff(
                base_interval=RETRY_BACK_OFF, max_interval=RETRY_BACK_OFF
            ),
        ),
    )


def _another_host() -> route_components_pb2.RetryPolicy.RetryHostPredicate:
    predicate = route_components_pb2.RetryPolicy.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts"
    )
    predicate.typed_config.Pack(previous_hosts_pb2.PreviousHostsPredicate())
    return predicate


def _overwrite(name: str, value: str) -> base_pb2.HeaderValueOption:
    return base_pb2.HeaderValueOption(
        # "%" begins a command in a header value.
        header=base_pb2.HeaderValue(key=name, value=value.replace("%", "%%")),
        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )


def _match(method: str, path: str) -> route_components_pb2.RouteMatch:
    return route_components_pb2.RouteMatch(
        path=path,
        headers=[
            route_components_pb2.HeaderMatcher(
                name=":method", string_match=string_pb2.StringMatcher(exact=method)
            )
        ],
    )


def _exactly(
    method: str, path: str, action: route_components_pb2.RouteAction
) -> route_components_pb2.Route:
    return route_components_pb2.Route(match=_match(method, path), route=action)


def _refuse(status: int, reason: str) -> route_components_pb2.Route:
    # Plain text: the listener's local reply format puts it into {"error": ...}.
    return route_components_pb2.Route(
        direct_response=route_components_pb2.DirectResponseAction(
            status=status, body=base_pb2.DataSource(inline_string=reason)
        )
    )


def _refuse_larger(mebibytes: int) -> route_components_pb2.Route:
    """What could not be sent again is not let in: it would be lost with the host it was sent to."""
    route = _refuse(
        413,
        f"the body is larger than {mebibytes} MiB, the most that this router takes "
        "(HOTSWAP_ROUTER_BODY_MIB)",
    )
    route.match.prefix = "/"
    length = route.match.headers.add(name="content-length").range_match
    length.start, length.end = mebibytes * MIB + 1, LARGEST_NUMBER
    return route


def _refuse_exactly(method: str, path: str, reason: str) -> route_components_pb2.Route:
    route = _refuse(503, reason)
    route.match.CopyFrom(_match(method, path))
    return route


def _refuse_below(prefix: str, status: int, reason: str) -> route_components_pb2.Route:
    route = _refuse(status, reason)
    route.match.path_separated_prefix = prefix
    return route
