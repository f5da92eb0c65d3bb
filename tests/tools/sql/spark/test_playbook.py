"""Each entry of the packaged playbook reaches the same verdict on Spark as on DuckDB."""

from collections.abc import Iterator

import pytest

from analyze_experiment.tests.tools.testing.entry_cases import all_cases
from analyze_experiment.tests.tools.testing.tiny_catalog import open_service, write_catalog
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.sql.spark.engine import SparkEngine
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.playbooks import load_playbook

pytestmark = pytest.mark.xdist_group("spark")

PLAYBOOK = load_playbook()


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """One catalog with the cases of all entries."""
    return write_catalog(tmp_path_factory.mktemp("entries"), all_cases())


@pytest.fixture(scope="module")
def here(cases: Catalog) -> Iterator[PlanExecutor]:
    with open_service(cases) as sql:
        yield PlanExecutor(sql, cluster_key="session", seed=0)


@pytest.fixture(scope="module")
def there(cases: Catalog, spark_remote: str) -> Iterator[PlanExecutor]:
    with SqlService(
        cases, snapshot_digest="tiny", on_query=lambda record: None, engine=SparkEngine(spark_remote), workers=1
    ) as sql:
        yield PlanExecutor(sql, cluster_key="session", seed=0)


def ignore(title: str, sql: str, traces: int) -> None:
    """A step that nobody follows."""


@pytest.mark.parametrize("name", sorted(PLAYBOOK))
def test_an_entry_has_the_same_result_on_both_engines(here: PlanExecutor, there: PlanExecutor, name: str) -> None:
    plan = PLAYBOOK[name].plan

    assert there.run(plan, owner="", on_step=ignore).result == here.run(plan, owner="", on_step=ignore).result
