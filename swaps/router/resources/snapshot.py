"""The desired state, built for Envoy once and shared by all streams.

A model is built again only when its rows changed; everything else is kept, so one route
change costs one table however many models there are.

Whatever a model's rows hold, it is a matter of that model alone: of one that cannot be built
nodes keep what they have, new ones get what was built of it last (or a table that says so), and
`problem` says why.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import xxhash
from envoy.config.route.v3 import route_components_pb2, route_pb2
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from swaps.domain.drain_proof import Question
from swaps.domain.names import name_problem
from swaps.router.port import DesiredModel, DesiredRoute, Watch
from swaps.router.resources.clusters import build_cluster, cluster_problem
from swaps.router.resources.listeners import NO_MODEL, build_scope
from swaps.router.resources.route_tables import (
    active_versions,
    build_route_table,
    build_stand_in,
    route_problem,
)

TYPE_PREFIX = "type.googleapis.com/"


@dataclass(frozen=True, slots=True)
class Resource:
    """One built resource. `digest` changes exactly when the content does."""

    name: str
    digest: str
    message: Any


@dataclass(frozen=True, slots=True)
class Table:
    """One model's route table at one revision, as pushed and as recognised in a flush.

    `route_pk` is None where it is no model's route: no ack of it says anything of one.
    """

    name: str
    route_pk: int | None
    revision: int
    version_info: str
    resource: Resource
    clusters: frozenset[str]

    @property
    def marker(self) -> float:
        """What Envoy's gauge `rds.<table>.version` shows once it took this very table.

        A uint64 there, a double on the wire: compare it as the double it becomes.
        Source: envoy 1.40, `GrpcSubscriptionImpl::onConfigUpdate` (`HashUtil::xxHash64`).
        """
        return float(xxhash.xxh64_intdigest(self.version_info.encode()))


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """`problem` says why the present route cannot be pushed; then `table` is the last one that
    could, and None where there was none.
    """

    desired: DesiredModel
    clusters: Mapping[str, Resource]
    cluster_problems: Mapping[str, str]
    scope: Resource | None
    table: Table | None
    problem: str
    # For nodes that have no table of this model, while none can be pushed, or they refuse it.
    stand_in: Table | None
    # By watch; a text instead of a question says why it cannot be asked now.
    questions: Mapping[str, Question | str]


@dataclass(frozen=True)
class ResourceSnapshot:
    """All models. Replaced as a whole, never changed.

    `asked` is the table of no model that carries the questions of readers: see `Asked`.
    """

    models: Mapping[int, BuiltModel] = field(default_factory=dict)
    asked: "Asked" = field(default_factory=lambda: Asked.of({}, None))

    def with_models(
        self, read: Mapping[int, DesiredModel], *, forget_others: bool = False
    ) -> "ResourceSnapshot":
        """This snapshot after `read`; itself when nothing changed."""
        models = {} if forget_others else dict(self.models)
        changed = forget_others and self.models.keys() != read.keys()
        for pk, desired in read.items():
            before = self.models.get(pk)
            if before is not None and before.desired == desired:
                models[pk] = before
            else:
                models[pk] = build_model(desired, before)
                changed = True
        return ResourceSnapshot(models, Asked.of(models, self.asked)) if changed else self

    def problems_since(self, before: "ResourceSnapshot") -> Iterator[tuple[str, Mapping[str, str]]]:
        """What cannot be pushed, and was not known yet: the event and its fields, for the log."""
        for pk, model in self.models.items():
            old = before.models.get(pk)
            if model.problem and (old is None or old.problem != model.problem):
                yield "route not pushed", {"model": model.desired.name, "reason": model.problem}
            known = old.cluster_problems if old is not None else {}
            for name, problem in model.cluster_problems.items():
                if known.get(name) != problem:
                    yield "cluster not pushed", {"cluster": name, "reason": problem}

    @cached_property
    def clusters(self) -> dict[str, Resource]:
        return {name: c for m in self.models.values() for name, c in m.clusters.items()}

    @cached_property
    def cluster_problems(self) -> dict[str, str]:
        return {n: why for m in self.models.values() for n, why in m.cluster_problems.items()}

    @cached_property
    def scopes(self) -> dict[str, Resource]:
        found = {m.scope.name: m.scope for m in self.models.values() if m.scope}
        return found | {ASKED_SCOPE.name: ASKED_SCOPE}

    @cached_property
    def tables(self) -> dict[str, Table]:
        found = {m.table.name: m.table for m in self.models.values() if m.table}
        return found | {self.asked.table.name: self.asked.table}

    @cached_property
    def stand_ins(self) -> dict[str, Table]:
        return {m.stand_in.name: m.stand_in for m in self.models.values() if m.stand_in}

    @cached_property
    def unpushable_routes(self) -> list[tuple[DesiredRoute, str]]:
        return [
            (m.desired.route, m.problem)
            for m in self.models.values()
            if m.problem and m.desired.route
        ]

    @cached_property
    def questions(self) -> dict[str, Question]:
        return {
            watch: question
            for m in self.models.values()
            for watch, question in m.questions.items()
            if isinstance(question, Question)
        } | dict(self.asked.questions)


def pack(message: Message) -> Any:
    # Deterministic, so that the digest of the bytes is one of the content.
    return Any(
        type_url=TYPE_PREFIX + message.DESCRIPTOR.full_name,
        value=message.SerializeToString(deterministic=True),
    )


def resource(name: str, message: Message) -> Resource:
    packed = pack(message)
    return Resource(name, xxhash.xxh64_hexdigest(packed.value), packed)


def digest_of(resources: Iterable[Resource]) -> str:
    """One version for a full set, the same for the same content whoever computes it."""
    lines = sorted(f"{one.name} {one.digest}" for one in resources)
    return xxhash.xxh64_hexdigest("\n".join(lines).encode())


def build_model(desired: DesiredModel, before: BuiltModel | None = None) -> BuiltModel:
    """`before`: as it was built last; a change of its route alone builds no cluster again, and
    what cannot be built any more stays as it was.
    """
    clusters: dict[str, Resource] = {}
    problems: dict[str, str] = {}
    for version, cluster in desired.clusters.items():
        unchanged = before is not None and before.desired.clusters.get(version) == cluster
        if before is not None and unchanged and cluster.name not in before.cluster_problems:
            clusters[cluster.name] = before.clusters[cluster.name]
            continue
        problem = cluster_problem(cluster)
        if not problem:
            try:
                clusters[cluster.name] = resource(cluster.name, build_cluster(cluster))
            except _UNBUILDABLE as error:
                problem = f"version {version} cannot be built: {error}"
        if problem:
            problems[cluster.name] = f"{desired.name}: {problem}"
            if before is not None and cluster.name in before.clusters:
                clusters[cluster.name] = before.clusters[cluster.name]
    route, table, scope, stand_in, why_not = desired.route, None, None, None, ""
    if route is not None:
        # A scope that Envoy refuses would keep it from all others.
        why_not = name_problem(desired.name, of="scope") or ""
        if not why_not:
            scope = resource(
                f"sc_{desired.pk}", build_scope(f"sc_{desired.pk}", desired.name, route.table)
            )
            stand_in = _stand_in(desired, route)
        why_not = why_not or desired.unreadable or route_problem(desired, route) or ""
        if not why_not:
            try:
                table = _build_table(desired, route)
            except _UNBUILDABLE as error:
                why_not = f"route of {desired.name} revision {route.revision}: {error}"
    if why_not and before is not None and before.table is not None:
        table = before.table
        # They may be what cannot be read now; the table names them, so they stay.
        clusters = {n: c for n, c in before.clusters.items() if n in table.clusters} | clusters
    answered = None if why_not else table
    questions = {
        watch.pk: question_of(watch, answered)
        for watch in desired.watches
        if watch.route_revision is not None
    }
    return BuiltModel(desired, clusters, problems, scope, table, why_not, stand_in, questions)


# What protobuf raises for a value that its message cannot hold.
_UNBUILDABLE = (TypeError, ValueError, AttributeError, KeyError, OverflowError)


def _build_table(desired: DesiredModel, route: DesiredRoute) -> Table:
    built = resource(route.table, build_route_table(desired, route))
    version_info = f"{desired.name}@{route.revision}.{built.digest[:8]}"
    names = frozenset(desired.clusters[version].name for version in active_versions(route))
    return Table(route.table, route.pk, route.revision, version_info, built, names)


def _stand_in(desired: DesiredModel, route: DesiredRoute) -> Table:
    built = resource(route.table, build_stand_in(desired, route.table))
    return Table(
        route.table, None, 0, f"{desired.name}@none.{built.digest[:8]}", built, frozenset()
    )


def question_of(watch: Watch, table: Table | None) -> Question | str:
    """The question that the watch of a drain asks of a node's flushes, or why it cannot be asked
    now.
    """
    assert watch.route_revision is not None, "what readers ask is in another table"
    if table is None:
        return "the model has no route that can be pushed"
    if table.revision > watch.route_revision:
        return f"the route has moved on to revision {table.revision}; this watch is void"
    if table.revision < watch.route_revision:
        return f"revision {watch.route_revision} of the route was not read yet"
    if watch.cluster in table.clusters:
        # Also by a pinned path alone: a request could arrive after the proof.
        return f"revision {table.revision} still leads to {watch.cluster}"
    return Question(watch.cluster, table.name, frozenset({table.marker}))


ASKED_TABLE = "rt_asked"
ASKED_SCOPE = resource("sc_asked", build_scope("sc_asked", NO_MODEL, ASKED_TABLE))
# Each version of it is in a node for some milliseconds: of those that are this old none is.
VERSIONS_KNOWN = 1000


def _asked_table() -> Resource:
    table = route_pb2.RouteConfiguration(name=ASKED_TABLE)
    nothing = table.virtual_hosts.add(name=ASKED_TABLE, domains=["*"]).routes.add()
    nothing.match.prefix = "/"
    nothing.direct_response.CopyFrom(route_components_pb2.DirectResponseAction(status=404))
    return resource(ASKED_TABLE, table)


_ASKED = _asked_table()


@dataclass(frozen=True, slots=True)
class Asked:
    """What readers ask: is a version idle now, whatever its weight?

    It must be answered by flushes that began after it was asked, and only the node's own stream
    can tell: some may lie unread in a buffer. So what is asked is in the version of a table, which
    is pushed, and a flush that shows one began after all that is asked with it. A table of no
    model: in a model's own, every question would begin the proof of its running swap anew.
    """

    table: Table
    questions: Mapping[str, Question]

    @classmethod
    def of(cls, models: Mapping[int, BuiltModel], before: "Asked | None") -> "Asked":
        asked = {
            watch.pk: watch.cluster
            for model in models.values()
            for watch in model.desired.watches
            if watch.route_revision is None
        }
        if before is not None and before.questions.keys() == asked.keys():
            return before
        digest = xxhash.xxh64_hexdigest(" ".join(sorted(asked)).encode())
        table = Table(ASKED_TABLE, None, 0, f"asked@{digest}", _ASKED, frozenset())
        earlier = before.questions if before is not None else {}
        return cls(
            table,
            {
                watch: Question(
                    cluster,
                    table.name,
                    _with(earlier[watch].markers if watch in earlier else None, table.marker),
                    until_seen=True,
                )
                for watch, cluster in asked.items()
            },
        )


def _with(markers: frozenset[float] | None, marker: float) -> frozenset[float]:
    # Each version since it was asked has it in it: the node may show any of them.
    if markers is None or len(markers) > VERSIONS_KNOWN:
        return frozenset({marker})
    return markers | {marker}
