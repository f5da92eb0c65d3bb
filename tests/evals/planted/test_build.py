"""A planted store is one that MLflow reads like any other, made once, and never over something else."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.entities import Trace

from analyze_experiment.evals.planted.agents import AGENTS
from analyze_experiment.evals.planted.build import build, tell
from analyze_experiment.evals.planted.conditions import Conditions
from analyze_experiment.evals.planted.ledger import Ledger
from analyze_experiment.evals.planted.truth import Truth
from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.tracking import connect

TRACES = 90


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planted") / "new" / "planted.db"
    build(path, traces=TRACES, truth_file=path.parent.parent / "truth.json")
    return path


@pytest.fixture(scope="module")
def read_back(database: Path) -> dict[str, Trace]:
    client = connect(f"sqlite:///{database}").client
    page = client.search_traces(locations=["1"], max_results=TRACES + 1, include_spans=True)
    return {trace.info.trace_id: trace for trace in page}


def test_mlflow_reads_every_trace_as_it_was_written(database: Path, read_back: dict[str, Trace]) -> None:
    written = list(tell(Ledger(AGENTS["concierge"], Conditions(traces=TRACES)), "unused"))
    assert len(written) == len(read_back) == TRACES
    for rows in written:
        info, trace = rows.trace_info[0], read_back[str(rows.trace_info[0]["request_id"])]
        assert trace.info.state == info["status"]
        assert trace.info.request_time == info["timestamp_ms"]
        assert trace.info.execution_duration == info["execution_time_ms"]
        assert trace.info.request_preview == info["request_preview"]
        assert trace.info.client_request_id == info["client_request_id"]
        assert (trace.info.token_usage or {}).get("total_tokens") == info["total_tokens"]
        assert trace.info.trace_metadata["mlflow.trace.session"] == info["session_id"]
        assert trace.info.tags["version"] in {"3.1.0", "3.2.0", "3.3.0"}
        spans = {span.span_id: span for span in trace.data.spans}
        assert len(spans) == len(rows.spans)
        for row in rows.spans:
            span = spans[str(row["span_id"])]
            content = json.loads(str(row["content"]))
            assert (span.name, span.span_type, span.parent_id) == (row["name"], row["type"], row["parent_span_id"])
            assert span.status.status_code.value == row["status"]
            assert span.status.description == content["status"]["message"]
            assert (span.start_time_ns, span.end_time_ns) == (row["start_time_unix_nano"], row["end_time_unix_nano"])
            assert span.inputs == json.loads(content["attributes"]["mlflow.spanInputs"])
            outputs = content["attributes"].get("mlflow.spanOutputs")
            assert span.outputs == (json.loads(outputs) if outputs else None)
            assert [event.name for event in span.events] == ["exception" for _ in content["events"]]


def test_single_traces_and_filters_work(database: Path, read_back: dict[str, Trace]) -> None:
    client = connect(f"sqlite:///{database}").client
    trace = client.get_trace(min(read_back))
    assert trace.to_dict() == read_back[min(read_back)].to_dict()
    failed = client.search_traces(locations=["1"], filter_string="trace.status = 'ERROR'", max_results=TRACES)
    assert {found.info.trace_id for found in failed} == {key for key, found in read_back.items() if found.info.state == "ERROR"}
    assert failed


def test_feedback_is_read_as_feedback_of_people(read_back: dict[str, Trace]) -> None:
    feedback = [assessment for trace in read_back.values() for assessment in trace.info.assessments]
    assert {(item.name, str(item.source.source_type)) for item in feedback} == {("user_feedback", "HUMAN")}
    assert {getattr(item, "value", None) for item in feedback} == {True, False}


def test_the_experiment_keeps_its_artifacts_beside_the_database(database: Path) -> None:
    client = connect(f"sqlite:///{database}").client
    experiment = client.get_experiment("1")
    assert experiment.name == "tarn-and-fell-concierge"
    run = client.create_run("1")
    client.log_text(run.info.run_id, "kept", "note.txt")
    assert list(database.parent.rglob("note.txt"))
    assert sorted(path.name for path in database.parent.iterdir()) == ["planted-artifacts", "planted.db"]


def test_building_again_changes_nothing_and_tells_the_same_truth(database: Path) -> None:
    before = database.read_bytes()
    assert build(database, traces=TRACES) == Truth.read(database.parent.parent / "truth.json")
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    ("seed", "traces", "variant"), [(1, TRACES, "faulty"), (0, TRACES - 1, "faulty"), (0, TRACES, "clean")], ids=str
)
def test_another_store_is_never_taken_for_this_one(database: Path, seed: int, traces: int, variant: str) -> None:
    with pytest.raises(UserError, match=r"'.*planted\.db' exists, but isn't the .* store"):
        build(database, traces=traces, seed=seed, variant="clean" if variant == "clean" else "faulty")


def test_a_store_whose_traces_were_changed_is_refused(database: Path, tmp_path: Path) -> None:
    changed = tmp_path / "planted.db"
    changed.write_bytes(database.read_bytes())
    with closing(sqlite3.connect(changed)) as connection, connection:
        connection.execute("DELETE FROM spans WHERE span_id = (SELECT min(span_id) FROM spans)")
    with pytest.raises(UserError):
        build(changed, traces=TRACES)


def test_a_file_that_is_no_store_is_refused_and_kept(tmp_path: Path) -> None:
    other = tmp_path / "notes.db"
    other.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="remove this one"):
        build(other, traces=TRACES)
    assert other.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("traces", [59, 20_001])
def test_the_number_of_traces_has_limits(tmp_path: Path, traces: int) -> None:
    with pytest.raises(UserError, match="from 60 to 20000 traces"):
        build(tmp_path / "planted.db", traces=traces)


def test_the_same_seed_tells_the_same_and_another_seed_something_else() -> None:
    first, again, other = (
        list(tell(Ledger(AGENTS["concierge"], Conditions(traces=TRACES, seed=seed)), "file:///a/1")) for seed in (0, 0, 1)
    )
    assert first == again
    assert not {row.trace_info[0]["request_id"] for row in first} & {row.trace_info[0]["request_id"] for row in other}
