"""Snapshots of real experiments, against what is in their stores when read with nothing but sqlite3 and json."""

import importlib.util
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.traces.snapshot_bench import Bench, rows
from analyze_experiment.tests.tools.traces.store_rows import StoreRows
from analyze_experiment.tools.traces import workers

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (DATA / "unpack.py").exists(), reason="the real experiments are not beside the repository"),
]

AFTER_ALL = datetime(2030, 1, 1, tzinfo=UTC)
RETAIL_ERRORS = {
    "find_user_id_by_email": 9,
    "exchange_delivered_order_items": 8,
    "modify_pending_order_items": 7,
    "find_user_id_by_name_zip": 4,
    "modify_pending_order_address": 3,
    "return_delivered_order_items": 2,
    "cancel_pending_order": 1,
    "get_order_details": 1,
}


@dataclass(frozen=True)
class Span:
    """One span as the store holds it."""

    trace_id: str
    name: str
    status: str
    is_root: bool
    inputs: object
    outputs: object

    @property
    def silent(self) -> bool:
        """Whether it is a failure that only its output tells."""
        return self.status != "ERROR" and isinstance(self.outputs, str) and self.outputs.startswith("Error")


def unpacked(name: str, folder: Path) -> Bench:
    """A real experiment, to take snapshots of."""
    spec = importlib.util.spec_from_file_location("unpack", DATA / "unpack.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Bench(StoreRows(module.unpack(name, folder / name)), folder / "cache", experiment_id="1")


def spans_of(path: Path) -> list[Span]:
    """All spans of a store."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT trace_id, name, status, parent_span_id, content FROM spans").fetchall()
    spans: list[Span] = []
    for trace_id, name, status, parent, content in found:
        attributes = json.loads(content)["attributes"]
        payloads = (json.loads(attributes.get(f"mlflow.span{side}", "null")) for side in ("Inputs", "Outputs"))
        spans.append(Span(trace_id, name, status, parent is None, *payloads))
    return spans


@pytest.mark.parametrize("name", ["retail", "airline", "airline-turns", "airline-voice"])
def test_relations_of_a_real_experiment_say_what_its_store_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "Worker", workers.NearWorker)
    bench = unpacked(name, tmp_path)
    spans = spans_of(bench.store.path)
    taken = bench.take(instant=AFTER_ALL)
    roots = {span.trace_id: span for span in spans if span.is_root}
    assert (taken.record.traces, taken.record.spans, taken.record.unreadable) == (len(roots), len(spans), 0)

    asked = {trace_id: root.inputs["messages"][-1]["content"] for trace_id, root in roots.items()}  # pyright: ignore[reportIndexIssue]
    answered = {trace_id: root.outputs["content"] or "" for trace_id, root in roots.items()}  # pyright: ignore[reportIndexIssue]
    texts = {row[0]: row[1:] for row in rows(taken, "traces", "trace_id, request_text, response_text")}
    assert texts == {trace_id: (asked[trace_id], answered[trace_id]) for trace_id in roots}

    silent = Counter(span.name for span in spans if span.silent)
    found = Counter(row[0] for row in rows(taken, "spans", "name, span_id, silent_error") if row[2])
    assert found == silent
    if name == "retail":
        assert found == RETAIL_ERRORS
    for trace_id, errors, calls in rows(taken, "traces", "trace_id, error_span_count, span_count"):
        own = [span for span in spans if span.trace_id == trace_id]
        assert (errors, calls) == (sum(span.status == "ERROR" for span in own), len(own))
