"""The benchmark from the store to the published page, on a small store of its own seed."""

import subprocess
import sys
from pathlib import Path

import pytest

from analyze_experiment.evals.planted.benchmark import cases
from analyze_experiment.evals.planted.benchmarked import Benchmarked, Repeated, Results
from analyze_experiment.evals.planted.build import build
from analyze_experiment.evals.planted.conditions import Conditions
from analyze_experiment.evals.planted.halving import halve
from analyze_experiment.evals.planted.measure import Analysed, StoreResult, measure
from analyze_experiment.evals.planted.report import lower_bound, render
from analyze_experiment.evals.published import publish
from analyze_experiment.tools.tracking import connect

CONDITIONS = Conditions("faulty", 240, 5)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[StoreResult, Analysed]:
    """One analysis of one store, with the entry of cut-off answers withheld."""
    return measure("extractor", CONDITIONS, tmp_path_factory.mktemp("measured"), without={"cut_off_answers"})


def test_what_has_to_be_found_is_found_and_nothing_reported_is_unexplained(measured: tuple[StoreResult, Analysed]) -> None:
    result, _ = measured
    expected = {row.fault_id: row for row in result.faults if row.expected and row.fault_id != "cut_off_answer"}
    assert len(expected) >= 3
    assert [key for key, row in expected.items() if not row.found] == []
    assert [each for each in result.false_issues if each.why == "unexplained"] == []
    assert result.reported == sum(row.found for row in result.faults) + result.facts + len(result.false_issues)


def test_an_entry_that_is_withheld_finds_nothing(measured: tuple[StoreResult, Analysed]) -> None:
    assert not any(issue.entry == "cut_off_answers" for issue in measured[1].issues)
    for row in measured[0].faults:
        assert row.found or not row.found_without_entry


def test_results_are_kept_in_mlflow_and_make_the_page(measured: tuple[StoreResult, Analysed], tmp_path: Path) -> None:
    result, analysed = measured
    database = tmp_path / "results" / "mlflow.db"
    results = Results(database)
    assert not results.holds("one")
    results.log("one", result.model_copy(update={"precision": 0.0}), analysed)
    results.log("one", result, analysed)
    results.log("two", Repeated(agent="librarian", again=0.9, other_half=0.8))
    assert Results(database).holds("one")
    read = Results(database).read()
    assert read == Benchmarked((result,), (Repeated(agent="librarian", again=0.9, other_half=0.8),))
    (run, *_) = connect(f"sqlite:///{database}").client.search_runs(["1"], filter_string="attributes.run_name = 'one'")
    assert run.data.metrics["found_of_expected"] <= run.data.metrics["expected"]

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- planted issues -->\nformer text\n<!-- end of planted issues -->\nafter\n", encoding="utf-8")
    publish("planted issues", render(read), page=page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "former text" not in text
    assert "| extractor | faulty | 240 | 5 |" in text
    assert all(row.category in text for row in result.faults)
    assert "issues that come again with another seed, mean of 1 stores | 0.90" in text


def test_the_lower_bound_is_that_of_the_mean_over_stores() -> None:
    assert lower_bound([1.0]) is None
    assert lower_bound([1.0, 1.0, 1.0]) == 1.0
    assert lower_bound([0.8, 1.0, 0.9, 1.0]) == pytest.approx(0.8124, abs=1e-4)


def test_halves_divide_the_traces_and_keep_conversations_whole(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    truth = build(database, agent="planner", traces=80)
    found: list[set[str]] = []
    for half in halve(database, truth, tmp_path):
        client = connect(f"sqlite:///{half}").client
        page = client.search_traces(locations=["1"], max_results=100, include_spans=True)
        assert all(trace.data.spans for trace in page)
        found.append({trace.info.trace_id for trace in page})
    one, other = found
    assert one | other == set(truth.clusters) and not one & other
    assert not {truth.clusters[each] for each in one} & {truth.clusters[each] for each in other}


def test_seeds_of_the_published_table_are_used_by_no_test_and_its_stores_cover_what_they_should() -> None:
    chosen = list(cases())
    assert min(case.conditions.seed for case in chosen) > 20
    assert len({case.name for case in chosen}) == len(chosen) >= 20
    assert {case.conditions.variant for case in chosen} == {"faulty", "clean", "boundary", "shuffled"}
    traces = [case.conditions.traces for case in chosen]
    assert (min(traces), max(traces)) == (200, 20_000)
    assert {case.conditions.icc for case in chosen} >= {0.0, 0.3}


def test_the_module_explains_itself_and_asks_for_a_place_of_its_own_for_what_is_withheld() -> None:
    command = [sys.executable, "-m", "analyze_experiment.evals.planted.benchmark"]
    assert "--publish" in subprocess.run([*command, "--help"], check=True, capture_output=True, text=True).stdout
    refused = subprocess.run([*command, "--without", "empty_answers"], check=False, capture_output=True, text=True)
    assert refused.returncode == 2 and "--results" in refused.stderr
