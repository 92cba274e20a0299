"""A backup is restored, and Envoys serve what came after it: nothing of that is unloaded."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.engine.hosts.rounds import reconcile
from swaps.models import ClusterOnNode, DrainProof, NodeIncarnation, RouteOnNode, SwapOperation
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.calling import infer
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.swapping import (
    OPERATOR,
    a_serving_model,
    carry_on,
    fresh,
    is_loaded_again,
    reconciled_until,
    waits_for,
    weights,
)
from tests.integration.router.parts import EnvoyNode, RouterCommand

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState
TABLES = [
    "swaps_swapoperation",
    "swaps_swapevent",
    "swaps_route",
    "swaps_placement",
    "swaps_cluster",
    "swaps_drainwatch",
    "swaps_drainproof",
    "swaps_routeonnode",
    "swaps_clusteronnode",
    "swaps_nodeincarnation",
]


class Backup:
    """These tables as they were, and the names that clusters had not been given yet."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"CREATE TABLE backup_of_{table} AS TABLE {table}")
            cursor.execute("SELECT last_value FROM swaps_cluster_id_seq")
            self._last_cluster = cursor.fetchone()[0]

    def restore(self) -> None:
        """Whole, so that rows may name one another in any order."""
        with transaction.atomic(), connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"DELETE FROM {table}")
            for table in TABLES:
                cursor.execute(f"INSERT INTO {table} SELECT * FROM backup_of_{table}")
            cursor.execute("SELECT setval('swaps_cluster_id_seq', %s)", [self._last_cluster])

    def is_of_the_moment_before_the_unload_of(self, version: str) -> None:
        """Of the only swap that has one: past the point of no return, and not called yet."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE backup_of_swaps_swapoperation SET state = 'OldVersionDraining',"
                " end_time = NULL WHERE from_version = %s",
                [version],
            )
            cursor.execute(
                "UPDATE backup_of_swaps_placement SET unload_owed = true, observed = 'ready'"
                " WHERE version = %s",
                [version],
            )

    def forget(self) -> None:
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"DROP TABLE backup_of_{table}")


@pytest.fixture
def backup(transactional_db: None) -> Iterator[list[Backup]]:
    taken: list[Backup] = []
    yield taken
    for one in taken:
        one.forget()


def served(envoy: EnvoyNode, model: str) -> str:
    answer = infer(envoy, model)
    assert answer.status == 200, answer
    return str(answer.headers["x-model-version"])


def restored(backup: Backup, router: RouterCommand) -> None:
    """As the handbook says: nothing of ours runs meanwhile, and Envoys serve on."""
    router.stop()
    backup.restore()
    assert RouteOnNode.objects.exists()
    assert ClusterOnNode.objects.exists()
    call_command("after_restore", stdout=StringIO())
    for evidence in (DrainProof, RouteOnNode, ClusterOnNode):
        assert not evidence.objects.exists(), "what a node said then is void"


def test_what_envoys_serve_is_not_unloaded_by_a_proof_of_the_backups_moment(
    envoy: EnvoyNode,
    router: RouterCommand,
    alpha: HostOfTests,
    swapper: ModelHotSwapper,
    backup: list[Backup],
) -> None:
    iris = a_serving_model(alpha)
    swap = swapper.swap_version(iris, "1.0", "1.1", keep_warm_seconds=3600)
    carry_on(swap, until=waits_for("stays warm for a quick way back"))
    assert DrainProof.objects.exists()
    backup.append(Backup())
    apply_command(swap.pk, Command.ROLLBACK, actor=OPERATOR)
    carry_on(swap, until=S.ROLLED_BACK)
    assert (served(envoy, iris), alpha.state(iris, "1.1")) == ("1.0", "available")

    restored(backup[0], router)
    # Its bake time was over long ago, for all the rows say.
    SwapOperation.objects.filter(pk=swap.pk).update(keep_warm_seconds=0)
    carry_on(swap, until=waits_for("no router process runs"))
    assert (served(envoy, iris), alpha.state(iris, "1.0")) == ("1.0", "ready")

    reconciled_until(lambda: is_loaded_again(iris, "1.1", alpha))
    router.start()
    carry_on(swap, until=waits_for("restored from a backup: before 1.0 is unloaded"))
    assert (served(envoy, iris), alpha.state(iris, "1.0")) == ("1.1", "ready")
    apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
    carry_on(swap, until=S.COMPLETED)
    assert (served(envoy, iris), alpha.state(iris, "1.0")) == ("1.1", "available")
    assert weights(iris) == {"1.1": 100}


def test_an_unload_that_the_backup_owes_is_left_to_a_person(
    envoy: EnvoyNode,
    router: RouterCommand,
    alpha: HostOfTests,
    swapper: ModelHotSwapper,
    backup: list[Backup],
) -> None:
    iris = a_serving_model(alpha)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=S.COMPLETED)
    backup.append(Backup())
    backup[0].is_of_the_moment_before_the_unload_of("1.0")
    carry_on(swapper.rollback(swap.pk), until=S.COMPLETED)
    assert served(envoy, iris) == "1.0"

    restored(backup[0], router)
    for _ in range(3):
        reconcile()
    assert (served(envoy, iris), alpha.state(iris, "1.0")) == ("1.0", "ready")
    wait_until(lambda: not NodeIncarnation.objects.filter(state="connected"), "no node is here")
    carry_on(swap, until=S.COMPLETED)
    assert alpha.state(iris, "1.0") == "ready"
    assert "1.0 stays loaded on alpha" in fresh(swap).events.latest("pk").reason
