"""The service: records, cache, limits, cancelling, and workers that are killed."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyze_experiment.tests.tools.sql.conftest import PATIENCE_S
from analyze_experiment.tools.errors import QueryCancelled, QueryError, QueryRefused, QueryTimeout
from analyze_experiment.tools.insights.models import QueryRecord
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.process import LocalEngine, WorkerProcess
from analyze_experiment.tools.sql.service import QueryResult, SqlService

ENDLESS = "SELECT count(*) AS n FROM range(100000000) a, range(100000000) b WHERE a.id % 7 = b.id % 11"
COUNT = "SELECT count(*) AS n FROM traces"


def make(catalog: Catalog, *, on_query: Callable[[QueryRecord], None] = lambda record: None, **limits: float) -> SqlService:
    settings: dict[str, float] = {"workers": 1, "memory_mb": 256, "timeout_s": 60, **limits}
    return SqlService(
        catalog,
        snapshot_digest="d",
        on_query=on_query,
        workers=int(settings["workers"]),
        engine=LocalEngine(memory_mb=int(settings["memory_mb"])),
        timeout_s=settings["timeout_s"],
        max_rows=int(settings.get("max_rows", 1_000)),
    )


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits for another thread."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def ask(pool: ThreadPoolExecutor, service: SqlService, sql: str, owner: str) -> "Future[QueryResult]":
    return pool.submit(service.query, sql, title="t", owner=owner)


def is_running(service: SqlService, owner: str) -> bool:
    return any(job.owner == owner and job.worker is not None for job in service._jobs)


def count(service: SqlService) -> object:
    return service.query(COUNT, title="t").table.to_pylist()


def test_each_distinct_query_is_recorded_once_a_title(catalog: Catalog) -> None:
    records: list[QueryRecord] = []
    with make(catalog, on_query=records.append) as service:
        first = service.query("SELECT trace_id FROM traces ORDER BY trace_id DESC", title="ids")
        again = service.query("SELECT trace_id FROM traces ORDER BY trace_id DESC", title="ids again")
        service.query("SELECT trace_id FROM traces ORDER BY trace_id DESC", title="ids")
    record, renamed = records
    assert renamed == record.model_copy(update={"title": "ids again"})
    assert first.query_id == again.query_id == record.query_id
    assert first.table.equals(again.table)
    assert (record.title, record.rows, record.columns, record.snapshot_digest) == ("ids", 5, ("trace_id",), "d")
    assert record.sql == "SELECT trace_id FROM traces ORDER BY trace_id DESC"


def test_result_digest_is_the_same_in_any_order(catalog: Catalog) -> None:
    records: list[QueryRecord] = []
    with make(catalog, on_query=records.append) as service:
        service.query("SELECT trace_id FROM traces ORDER BY trace_id", title="up")
        service.query("SELECT trace_id FROM traces ORDER BY trace_id DESC", title="down")
    assert records[0].result_digest == records[1].result_digest
    assert records[0].query_id != records[1].query_id


def test_failed_query_is_not_recorded(catalog: Catalog) -> None:
    records: list[QueryRecord] = []
    with make(catalog, on_query=records.append) as service:
        for sql in ("SELECT nope FROM traces", "DROP TABLE traces"):
            with pytest.raises(QueryError):
                service.query(sql, title="t")
    assert records == []


def test_query_whose_record_could_not_be_kept_is_recorded_when_asked_again(catalog: Catalog) -> None:
    kept: list[QueryRecord] = []

    def keep(record: QueryRecord) -> None:
        if not attempts:
            attempts.append(record)
            raise OSError("the store is gone")
        kept.append(record)

    attempts: list[QueryRecord] = []
    with make(catalog, on_query=keep) as service:
        with pytest.raises(OSError, match="gone"):
            service.query(COUNT, title="t")
        service.query(COUNT, title="t")
    assert kept == attempts


def test_result_asked_for_again_needs_no_worker(catalog: Catalog) -> None:
    with make(catalog) as service, ThreadPoolExecutor() as pool:
        service.query(COUNT, title="t")
        endless = ask(pool, service, ENDLESS, "busy")
        wait_until(lambda: is_running(service, "busy"))
        assert count(service) == [{"n": 5}]
        service.cancel("busy")
        assert isinstance(endless.exception(), QueryCancelled)


def test_who_asks_what_is_being_answered_waits_for_that_answer_and_asks_anew_where_it_is_given_up(catalog: Catalog) -> None:
    with make(catalog, workers=2) as service, ThreadPoolExecutor() as pool:
        first = ask(pool, service, ENDLESS, "h1")
        wait_until(lambda: is_running(service, "h1"))
        second, third = ask(pool, service, ENDLESS, "h2"), ask(pool, service, ENDLESS, "h3")
        assert count(service) == [{"n": 5}]  # who waits for h1 holds no worker
        assert not is_running(service, "h2")
        service.cancel("h2")
        assert isinstance(second.exception(timeout=PATIENCE_S), QueryCancelled)
        service.cancel("h1")
        assert isinstance(first.exception(timeout=PATIENCE_S), QueryCancelled)
        wait_until(lambda: is_running(service, "h3"))
        service.cancel("h3")
        assert isinstance(third.exception(timeout=PATIENCE_S), QueryCancelled)


def test_empty_result_has_its_columns(catalog: Catalog) -> None:
    with make(catalog) as service:
        table = service.query("SELECT trace_id, total_tokens FROM traces WHERE false", title="t").table
    assert table.num_rows == 0
    assert table.column_names == ["trace_id", "total_tokens"]


def test_large_result_arrives_whole_and_in_order(catalog: Catalog) -> None:
    with make(catalog, max_rows=300_000) as service:
        table = service.query("SELECT id, md5(CAST(id AS STRING)) AS h FROM range(200000)", title="t").table
    assert table.column("id").to_pylist() == list(range(200_000))


def test_too_many_rows_are_an_error_that_says_what_to_do(catalog: Catalog) -> None:
    with make(catalog, max_rows=4) as service:
        with pytest.raises(QueryError, match="more than 4 rows: aggregate, or put LIMIT"):
            service.query("SELECT trace_id FROM traces", title="t")
        assert service.query("SELECT trace_id FROM traces LIMIT 4", title="t").table.num_rows == 4


def test_query_over_its_time_is_killed_and_the_next_one_runs(catalog: Catalog) -> None:
    with make(catalog, timeout_s=3) as service:
        with pytest.raises(QueryTimeout, match="longer than 3 s"):
            service.query(ENDLESS, title="t")
        service._timeout_s = PATIENCE_S  # a busy machine may need longer to start the next worker
        assert count(service) == [{"n": 5}]


@pytest.mark.parametrize(
    "bomb",
    [
        "SELECT length(array_join(transform(sequence(1, 300000000), x -> 'xxxxxxxxxx'), '')) AS n",
        "SELECT size(collect_list(a.id)) AS n FROM range(20000) a, range(20000) b",
    ],
)
def test_query_over_its_memory_is_stopped_and_the_next_one_runs(catalog: Catalog, bomb: str) -> None:
    with make(catalog, memory_mb=64, timeout_s=20) as service:
        with pytest.raises(QueryTimeout):
            service.query(bomb, title="t")
        assert count(service) == [{"n": 5}]


def test_worker_killed_from_outside_is_an_error_and_the_pool_heals(catalog: Catalog) -> None:
    with make(catalog) as service, ThreadPoolExecutor() as pool:
        endless = ask(pool, service, ENDLESS, "x")
        wait_until(lambda: is_running(service, "x"))
        (job,) = service._jobs
        assert isinstance(job.worker, WorkerProcess)
        os.kill(job.worker.pid, signal.SIGKILL)
        with pytest.raises(QueryError, match="killed by signal 9") as error:
            endless.result(timeout=PATIENCE_S)
        assert type(error.value) is QueryError
        assert count(service) == [{"n": 5}]


def test_idle_worker_killed_from_outside_costs_no_query(catalog: Catalog) -> None:
    with make(catalog) as service:
        count(service)
        (worker,) = service._idle
        assert isinstance(worker, WorkerProcess)
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: not worker.usable)
        assert service.query("SELECT 1 AS n", title="t").table.to_pylist() == [{"n": 1}]
        assert service._running == 1


def test_worker_whose_query_was_broken_off_is_not_used_again(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with make(catalog) as service:
        count(service)
        (worker,) = service._idle
        with monkeypatch.context() as patched:
            patched.setattr(worker, "_read", interrupt)
            with pytest.raises(KeyboardInterrupt):
                service.query("SELECT 1 AS n", title="t")
        assert service.query("SELECT 2 AS n", title="t").table.to_pylist() == [{"n": 2}]
        assert service._idle != [worker]


def test_cancel_stops_the_running_query_of_its_owner_at_once(catalog: Catalog) -> None:
    with make(catalog, workers=2) as service, ThreadPoolExecutor() as pool:
        doomed, other = ask(pool, service, ENDLESS, "h1"), ask(pool, service, ENDLESS + " AND a.id > 0", "h2")
        wait_until(lambda: is_running(service, "h1") and is_running(service, "h2"))
        service.cancel("h1")
        with pytest.raises(QueryCancelled):
            doomed.result(timeout=PATIENCE_S)
        assert not other.done()
        service.cancel("h2")
        assert isinstance(other.exception(timeout=PATIENCE_S), QueryCancelled)


def test_cancel_takes_waiting_queries_of_its_owner_along(catalog: Catalog) -> None:
    with make(catalog) as service, ThreadPoolExecutor() as pool:
        running = ask(pool, service, ENDLESS, "h1")
        wait_until(lambda: is_running(service, "h1"))
        waiting, stranger = ask(pool, service, f"{COUNT} WHERE state IS NULL", "h1"), ask(pool, service, COUNT, "h2")
        wait_until(lambda: len(service._jobs) == 3)
        service.cancel("h1")
        assert isinstance(running.exception(timeout=PATIENCE_S), QueryCancelled)
        assert isinstance(waiting.exception(timeout=PATIENCE_S), QueryCancelled)
        assert stranger.result(timeout=PATIENCE_S).table.to_pylist() == [{"n": 5}]


def test_cancel_of_an_owner_without_queries_does_nothing(catalog: Catalog) -> None:
    with make(catalog) as service:
        service.cancel("nobody")
        assert count(service) == [{"n": 5}]


def test_more_threads_than_workers_all_get_their_answer(catalog: Catalog) -> None:
    with make(catalog, workers=2) as service, ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(service.query, f"SELECT {n} AS n", title="t") for n in range(24)]
        assert [answer.result(timeout=PATIENCE_S).table.to_pylist() for answer in answers] == [[{"n": n}] for n in range(24)]
        assert service._running <= 2


def test_close_ends_what_runs_and_leaves_nothing_behind(catalog: Catalog) -> None:
    service = make(catalog)
    with ThreadPoolExecutor() as pool:
        endless = ask(pool, service, ENDLESS, "x")
        wait_until(lambda: is_running(service, "x"))
        (job,) = service._jobs
        assert isinstance(job.worker, WorkerProcess)
        scratch = job.worker._scratch.path
        assert scratch.exists()
        service.close()
        service.close()
        assert isinstance(endless.exception(timeout=PATIENCE_S), QueryCancelled)
    assert not scratch.exists()
    with pytest.raises(QueryCancelled):
        service.query(COUNT, title="t")


def test_extended_relation_is_visible_to_workers_that_run_already(catalog: Catalog, tmp_path: Path) -> None:
    path = str(tmp_path / "clusters.parquet")
    pq.write_table(pa.table({"trace_id": ["t1"], "cluster_id": [7], "half": ["discovery"]}), path)
    sql = "SELECT t.trace_id, c.half FROM traces t JOIN clusters c USING (trace_id)"
    with make(catalog) as service:
        count(service)
        with pytest.raises(QueryRefused, match="clusters"):
            service.query(sql, title="t")
        service.extend("clusters", [path])
        assert service.query(sql, title="t").table.to_pylist() == [{"trace_id": "t1", "half": "discovery"}]


@pytest.mark.parametrize(("relation", "files"), [("traces", ["/x"]), ("bad name", ["/x"]), ("clusters", [])])
def test_extend_refuses_what_cannot_be_a_relation(catalog: Catalog, relation: str, files: list[str]) -> None:
    with make(catalog) as service, pytest.raises(ValueError, match=repr(relation)):
        service.extend(relation, files)


def test_same_query_has_the_same_rows_in_another_service(catalog: Catalog) -> None:
    sql = "SELECT state, version, sum(cost) AS c, collect_set(trace_id) AS ids FROM traces GROUP BY state, version"
    tables = []
    for _ in range(2):
        with make(catalog) as service:
            tables.append(service.query(sql, title="t").table)
    assert tables[0].equals(tables[1])
