"""The desired state, built for Envoy once and shared by all streams.

A model is built again only when its rows changed; everything else is kept, so one route
change costs one table however many models there are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import xxhash
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from swaps.domain.drain_proof import Question
from swaps.router.desired import DesiredModel, DesiredRoute, Watch
from swaps.router.resources.clusters import build_cluster, cluster_problem
from swaps.router.resources.listeners import build_scope
from swaps.router.resources.route_tables import active_versions, build_route_table, route_problem

TYPE_PREFIX = "type.googleapis.com/"


@dataclass(frozen=True, slots=True)
class Resource:
    """One built resource. `digest` changes exactly when the content does."""

    name: str
    digest: str
    message: Any


@dataclass(frozen=True, slots=True)
class Table:
    """One model's route table at one revision, as pushed and as recognised in a flush."""

    name: str
    route_pk: int
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
    """`problem` says why the present route cannot be pushed; then `table` is None."""

    desired: DesiredModel
    clusters: Mapping[str, Resource]
    cluster_problems: Mapping[str, str]
    scope: Resource | None
    table: Table | None
    problem: str
    # By watch; a text instead of a question says why it cannot be asked now.
    questions: Mapping[str, Question | str]


@dataclass(frozen=True)
class Snapshot:
    """All models. Replaced as a whole, never changed."""

    models: Mapping[int, BuiltModel] = field(default_factory=dict)

    def with_models(
        self, read: Mapping[int, DesiredModel], *, forget_others: bool = False
    ) -> "Snapshot":
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
        return Snapshot(models) if changed else self

    @cached_property
    def clusters(self) -> dict[str, Resource]:
        return {name: c for m in self.models.values() for name, c in m.clusters.items()}

    @cached_property
    def cluster_problems(self) -> dict[str, str]:
        return {n: why for m in self.models.values() for n, why in m.cluster_problems.items()}

    @cached_property
    def scopes(self) -> dict[str, Resource]:
        return {m.scope.name: m.scope for m in self.models.values() if m.scope}

    @cached_property
    def tables(self) -> dict[str, Table]:
        return {m.table.name: m.table for m in self.models.values() if m.table}

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
        }


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
    """`before`: as it was built last; a change of its route alone builds no cluster again."""
    clusters: dict[str, Resource] = {}
    problems: dict[str, str] = {}
    for version, cluster in desired.clusters.items():
        problem = cluster_problem(cluster)
        if problem:
            problems[cluster.name] = f"{desired.name}: {problem}"
        elif before is not None and before.desired.clusters.get(version) == cluster:
            clusters[cluster.name] = before.clusters[cluster.name]
        else:
            clusters[cluster.name] = resource(cluster.name, build_cluster(cluster))
    route, table, scope, why_not = desired.route, None, None, ""
    if route is not None:
        scope = resource(
            f"sc_{desired.pk}", build_scope(f"sc_{desired.pk}", desired.name, route.table)
        )
        why_not = route_problem(desired, route) or ""
        if not why_not:
            table = _build_table(desired, route)
    questions = {watch.pk: question_of(watch, table) for watch in desired.watches}
    return BuiltModel(desired, clusters, problems, scope, table, why_not, questions)


def _build_table(desired: DesiredModel, route: DesiredRoute) -> Table:
    built = resource(route.table, build_route_table(desired, route))
    version_info = f"{desired.name}@{route.revision}.{built.digest[:8]}"
    # "Is it idle now?" must be answered by flushes that began after it was asked, and only
    # the node's own stream can tell: some may lie unread in a buffer. So the question is
    # part of the version, and the flush that shows it began after the question.
    asked = sorted(watch.pk for watch in desired.watches if watch.route_revision is None)
    if asked:
        version_info += f"?{xxhash.xxh64_hexdigest(' '.join(asked).encode())[:8]}"
    names = frozenset(desired.clusters[version].name for version in active_versions(route))
    return Table(route.table, route.pk, route.revision, version_info, built, names)


def question_of(watch: Watch, table: Table | None) -> Question | str:
    """The question a watch asks of a node's flushes, or why it cannot be asked now."""
    if watch.route_revision is None:
        if table is None:
            return Question(watch.cluster)
        return Question(watch.cluster, table.name, table.marker)
    if table is None:
        return "the model has no route that can be pushed"
    if table.revision > watch.route_revision:
        return f"the route has moved on to revision {table.revision}; this watch is void"
    if table.revision < watch.route_revision:
        return f"revision {watch.route_revision} of the route was not read yet"
    if watch.cluster in table.clusters:
        # Also by a pinned path alone: a request could arrive after the proof.
        return f"revision {table.revision} still leads to {watch.cluster}"
    return Question(watch.cluster, table.name, table.marker)
