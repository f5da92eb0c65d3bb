"""A file store, which MLflow has retired: analysed under MLflow's own variable, its memory beside the traces, links in a file."""

from pathlib import Path

import pytest

from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, entries, memory_of
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tools.errors import StoreError
from analyze_experiment.tools.file_store import ALLOW
from analyze_experiment.tools.traces.cut import NO_TRACES
from analyze_experiment.tools.traces.sources.base import BEGINNING, Key
from analyze_experiment.tools.traces.sources.choose import open_source
from analyze_experiment.tools.tracking import connect, import_mlflow

SHOWN = "Traceback (most recent call last):\n  File \"agent.py\", line 7, in answer\nKeyError: 'order'"
SAMPLES = (
    *(SampleTrace(f"Where is order {number}?", SHOWN, tool="look_up_order", session=f"s{number}") for number in range(3)),
    SampleTrace("And order 18?", "It is lost.", tool="look_up_order", tool_error="timeout", session="s8"),
    SampleTrace("Refund order 20.", error="RefundError: no such order", session="s9"),
)


def test_whole_analysis_of_a_file_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW, "true")
    import_mlflow()
    sample = log_traces((tmp_path / "mlruns").as_uri(), "support-agent", SAMPLES)
    monkeypatch.delenv(ALLOW)
    watcher, folder = Watcher(), str(tmp_path / "mlruns")
    report, cache = tmp_path / "report.md", tmp_path / "cache"
    drafts = entries("errors_shown_to_users", "provider_messages_as_answers")
    outcome = analyse(folder, watcher=watcher, analyst=GivenAnalyst(drafts), report=report, cache=cache, unattended=True)

    assert (outcome.status, outcome.experiment_name, outcome.hypotheses["validated"]) == ("done", "support-agent", 1)
    assert [(issue.affected, issue.population, issue.link) for issue in outcome.issues] == [(3, 4, None)]
    assert outcome.copied is not None and outcome.copied.traces == len(SAMPLES)
    advice = [event.text for event in watcher.events if "migrate-filestore" in event.text]
    assert len(advice) == 1 and f"--source {folder} --target sqlite:///mlflow.db" in advice[0]

    store = memory_of(folder)
    affected = set(sample.trace_ids[:3])
    assert affected <= set(store.linked_ids(outcome.run_id)) <= set(sample.trace_ids)
    assert set(store.files.links_in_file(outcome.run_id) or ()) == set(store.linked_ids(outcome.run_id))
    (validated,) = [each for each in store.list_hypotheses(outcome.run_id) if each.status == "VALIDATED"]
    assert {entry.trace_id for entry in validated.evidence if entry.supports} <= affected
    view = store.reader.get(sample.trace_ids[3], run_id=outcome.run_id, experiment_id=sample.experiment_id)
    assert [(span.name, span.status_code) for span in view.spans] == [("agent", "OK"), ("look_up_order", "ERROR")]
    assert report.read_text(encoding="utf-8").startswith("#")

    with open_source(store.tracking.uri, sample.experiment_id) as source:
        assert source.count(NO_TRACES.until_ms) is None
        assert sum(bound.traces for bound in source.bounds(BEGINNING, Key(2**50, ""), 2)) == len(SAMPLES)


def test_variable_that_forbids_a_file_store_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "meta.yaml").write_text("name: Default", encoding="utf-8")
    monkeypatch.setenv(ALLOW, "false")
    with pytest.raises(StoreError, match=f"{ALLOW} forbids.*mlflow migrate-filestore --source {tmp_path}"):
        connect(tmp_path.as_uri())
