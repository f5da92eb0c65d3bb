"""Intermediate results: kept once, read by later queries, and never another answer than that of the query as it was written."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyze_experiment.tests.tools.sql.conftest import PATIENCE_S
from analyze_experiment.tests.tools.sql.test_service import ENDLESS, ask, is_running, make, wait_until
from analyze_experiment.tools.errors import QueryCancelled, QueryError
from analyze_experiment.tools.insights.models import QueryRecord
from analyze_experiment.tools.sql import service as service_module
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.frames import read_frame, write_frame
from analyze_experiment.tools.sql.intermediate import name_of, nested
from analyze_experiment.tools.sql.service import SqlService

PART = "SELECT trace_id, length(state) AS value FROM traces WHERE trace_id <> 't1' -- not the first;"
COUNT = f"SELECT count(*) AS n FROM {nested(PART)} AS p"
ALL = f"SELECT * FROM {nested(PART)} AS p ORDER BY 1"


def rows(service: SqlService, sql: str, *, parts: tuple[str, ...] = (PART,), owner: str = "") -> list[dict[str, object]]:
    return service.query(sql, title="t", owner=owner, parts=parts).table.to_pylist()


def files(service: SqlService) -> list[str]:
    return sorted(path.name for path in service._intermediates.folder.iterdir())


def test_rows_of_a_select_are_kept_with_the_first_query_that_holds_it_which_is_recorded_as_written(catalog: Catalog) -> None:
    records: list[QueryRecord] = []
    with make(catalog, on_query=records.append) as service:
        assert rows(service, COUNT) == [{"n": 4}]
        assert files(service) == [f"{name_of(PART)}.parquet"]
    assert [record.sql for record in records] == [COUNT]


def test_queries_read_what_is_kept(catalog: Catalog) -> None:
    with make(catalog) as service:
        table = pa.table({"trace_id": ["another"], "value": pa.array([0], pa.int64())})
        pq.write_table(table, service._intermediates.folder / f"{name_of(PART)}.parquet")
        service._intermediates.settle(name_of(PART), PART, kept=True)
        assert rows(service, ALL, parts=()) == [{"trace_id": "another", "value": 0}]


def test_what_is_kept_gives_the_same_rows_types_and_digest_as_the_query_as_written(catalog: Catalog) -> None:
    part = (
        "SELECT trace_id, NULL AS span_id, state AS note, request_time, cost AS value, execution_duration_ms * 1.5 AS tenths, "
        "cost > 1 AS dear, CAST(request_time AS DATE) AS day FROM traces"
    )
    sql = f"SELECT p.* FROM {nested(part)} AS p ORDER BY p.trace_id"
    records: list[QueryRecord] = []
    answers = []
    for parts in ((), (part,)):
        with make(catalog, on_query=records.append) as service:
            answers.append(service.query(sql, title="t", parts=parts).table)
            assert len(files(service)) == len(parts)
    assert answers[0].equals(answers[1])
    assert answers[0].schema.equals(answers[1].schema)
    assert records[0] == records[1]


def test_a_select_inside_of_another_one_is_read_where_that_one_is_made(catalog: Catalog) -> None:
    outer = f"SELECT p.trace_id FROM {nested(PART)} AS p"
    with make(catalog) as service:
        assert rows(service, f"SELECT count(*) AS n FROM {nested(outer)} AS o", parts=(PART, outer)) == [{"n": 4}]
        assert files(service) == sorted(f"{name_of(each)}.parquet" for each in (PART, outer))


@pytest.mark.parametrize(
    ("part", "count"),
    [
        ("SELECT trace_id, tags AS value FROM traces", 5),
        ("SELECT trace_id, array(1, 2) AS value FROM traces", 5),
        ("SELECT trace_id, current_nothing() AS value FROM traces", None),
        ("SELECT trace_id, nope AS value FROM traces", None),
    ],
)
def test_what_a_file_would_not_give_back_or_nobody_can_answer_is_not_kept(catalog: Catalog, part: str, count: int | None) -> None:
    sql = f"SELECT count(p.value) AS n FROM {nested(part)} AS p"
    with make(catalog) as service:
        if count is None:
            with pytest.raises(QueryError, match="nope|current_nothing"):
                rows(service, sql, parts=(part,))
        else:
            assert rows(service, sql, parts=(part,)) == [{"n": count}]
        assert files(service) == []


def test_a_select_that_reads_a_table_of_the_querys_own_is_answered_as_written(catalog: Catalog) -> None:
    hiding = f"WITH traces AS (SELECT 'mine' AS trace_id, 'OK' AS state) SELECT * FROM {nested(PART)} AS p"
    with make(catalog) as service:
        rows(service, COUNT)
        assert rows(service, hiding) == [{"trace_id": "mine", "value": 2}]


def test_a_select_that_stands_in_a_text_is_left_there(catalog: Catalog) -> None:
    part = "SELECT trace_id FROM traces"
    sql = f"SELECT length('{nested(part)}') AS chars, count(*) AS n FROM {nested(part)} AS p"
    with make(catalog) as service:
        assert rows(service, sql, parts=(part,)) == [{"chars": len(nested(part)), "n": 5}]
        assert len(files(service)) == 1


def test_intermediate_results_cannot_be_named_by_a_query(catalog: Catalog) -> None:
    with make(catalog) as service:
        rows(service, COUNT)
        with pytest.raises(QueryError, match="There is no relation"):
            rows(service, f"SELECT * FROM {name_of(PART)}")


def test_where_there_is_no_room_left_queries_are_answered_as_written(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "INTERMEDIATE_BYTES", 100)
    with make(catalog) as service:
        assert rows(service, COUNT) == [{"n": 4}]
        assert files(service) == []


def test_a_new_relation_makes_all_anew(catalog: Catalog, tmp_path: Path) -> None:
    path = str(tmp_path / "clusters.parquet")
    part = "SELECT trace_id FROM clusters"
    with make(catalog) as service:
        for ids in (["t1"], ["t1", "t2"]):
            pq.write_table(pa.table({"trace_id": ids}), path)
            service.extend("clusters", [path])
            assert rows(service, f"SELECT count(*) AS n FROM {nested(part)} AS p", parts=(part,)) == [{"n": len(ids)}]


def test_giving_up_leaves_no_file_and_somebody_else_may_make_it(catalog: Catalog) -> None:
    endless = f"SELECT a.id FROM range(100000000) AS a JOIN {nested(ENDLESS)} AS b ON a.id = b.n"
    sql = f"SELECT count(*) AS n FROM {nested(endless)} AS p"
    with make(catalog, workers=2) as service, ThreadPoolExecutor() as pool:
        first = pool.submit(service.query, sql, title="t", owner="h1", parts=(endless,))
        wait_until(lambda: is_running(service, "h1"))
        second = pool.submit(service.query, sql, title="t", owner="h2", parts=(endless,))
        other = ask(pool, service, "SELECT count(*) AS n FROM traces", "h3")
        assert other.result(timeout=PATIENCE_S).table.to_pylist() == [{"n": 5}]  # who waits for h1 holds no worker
        service.cancel("h1")
        assert isinstance(first.exception(timeout=PATIENCE_S), QueryCancelled)
        wait_until(lambda: is_running(service, "h2"))
        service.cancel("h2")
        assert isinstance(second.exception(timeout=PATIENCE_S), QueryCancelled)
        assert files(service) == []


def test_who_waits_for_what_another_makes_may_be_cancelled(catalog: Catalog) -> None:
    endless = f"SELECT n FROM {nested(ENDLESS)} AS e"
    sql = f"SELECT count(*) AS n FROM {nested(endless)} AS p"
    with make(catalog, workers=2) as service, ThreadPoolExecutor() as pool:
        first = pool.submit(service.query, sql, title="t", owner="h1", parts=(endless,))
        wait_until(lambda: is_running(service, "h1"))
        second = pool.submit(service.query, sql, title="t", owner="h2", parts=(endless,))
        service.cancel("h2")
        assert isinstance(second.exception(timeout=PATIENCE_S), QueryCancelled)
        assert not first.done()
        service.cancel("h1")
        assert isinstance(first.exception(timeout=PATIENCE_S), QueryCancelled)


@pytest.mark.parametrize("end", [SqlService.close, lambda service: service.close()], ids=["closed", "closed twice"])
def test_closing_removes_the_files(catalog: Catalog, end: Callable[[SqlService], None]) -> None:
    service = make(catalog)
    rows(service, COUNT)
    folder = service._intermediates.folder
    assert folder.stat().st_mode & 0o077 == 0
    end(service)
    assert not folder.exists()


def test_a_worker_whose_service_was_killed_removes_the_files(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "intermediate"
    folder.mkdir()
    command = [sys.executable, "-P", "-m", "analyze_experiment.tools.sql.worker", "256", str(tmp_path / "scratch")]
    (tmp_path / "scratch").mkdir()
    opened = replace(catalog, intermediate=str(folder)).to_json()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        write_frame(worker.stdin, {"kind": "open"}, opened.encode())
        write_frame(worker.stdin, {"kind": "keep", "name": name_of(PART), "max_bytes": 10**6}, b"SELECT trace_id FROM traces")
        assert [read_frame(worker.stdout.read).header.get("kept") for _ in range(2)] == [None, True]
        assert len(list(folder.iterdir())) == 1
        worker.stdin.close()
        assert worker.wait(timeout=PATIENCE_S) == 0
    assert not folder.exists()
