"""Each entry of the packaged playbook finds the same on Spark as on DuckDB, trace by trace."""

from collections.abc import Iterator

import pytest

from analyze_experiment.tests.tools.testing.entry_cases import all_cases
from analyze_experiment.tests.tools.testing.tiny_catalog import open_service, write_catalog
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.sql.spark.engine import SparkEngine
from analyze_experiment.tools.testing import compose
from analyze_experiment.tools.testing.plan import Plan
from analyze_experiment.tools.testing.playbooks import load_playbook

pytestmark = pytest.mark.xdist_group("spark")

PLAYBOOK = load_playbook()


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """One catalog with the cases of all entries."""
    return write_catalog(tmp_path_factory.mktemp("entries"), all_cases())


@pytest.fixture(scope="module")
def here(cases: Catalog) -> Iterator[SqlService]:
    with open_service(cases) as sql:
        yield sql


@pytest.fixture(scope="module")
def there(cases: Catalog, spark_remote: str) -> Iterator[SqlService]:
    with SqlService(
        cases, snapshot_digest="tiny", on_query=lambda record: None, engine=SparkEngine(spark_remote), workers=1
    ) as sql:
        yield sql


def by_trace(plan: Plan) -> str:
    """Each trace of the population with its measure, or whether it is affected, exposed and can't be judged."""
    return compose.measured_rows(plan, by_trace=True) if plan.step("measure") else compose.cluster_table(plan, by_trace=True)


@pytest.mark.parametrize("name", sorted(PLAYBOOK))
def test_an_entry_finds_the_same_traces_on_both_engines(here: SqlService, there: SqlService, name: str) -> None:
    sql = by_trace(PLAYBOOK[name].plan)

    found = here.query(sql, title=name).table
    assert found.num_rows
    assert there.query(sql, title=name).table.to_pydict() == found.to_pydict()
