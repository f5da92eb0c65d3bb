"""What an analysis found, held against what people marked."""

import json
from pathlib import Path

from analyze_experiment.evals.labelled.score import Found, category_table, coverage, coverage_table, issue_table, read_truth

LABELS = {
    "t1": {"success": False, "failures": [{"category": "Misread", "span_id": "s1"}]},
    "t2": {"success": False, "failures": [{"category": "Misread", "span_id": "s2"}, {"category": "Rude", "span_id": "s3"}]},
    "t3": {"success": True, "failures": []},
    "t4": {"success": False, "derived_categories": ["Late"]},
}
READ = Found("It misreads results", "MEDIUM", True, {"t1": frozenset({"s1"}), "t3": frozenset({"s9"})})
COUNTED = Found("A tool fails", "LOW", False, {"t2": frozenset()})


def truth_file(folder: Path) -> Path:
    path = folder / "truth.json"
    path.write_text(json.dumps({"labels": {"labels": LABELS}}), encoding="utf-8")
    return path


def test_failed_conversations_are_covered_by_any_issue_and_covered_ones_may_have_succeeded(tmp_path: Path) -> None:
    truth = read_truth(truth_file(tmp_path))
    assert coverage(truth, [READ, COUNTED]) == (2, 3, 2, 3)
    assert coverage(truth, []) == (0, 3, 0, 0)
    table = coverage_table(truth, [READ, COUNTED])
    assert "| above low severity | 1 | 1 of 3 | 1 of 2 |" in table
    assert "| by counting | 1 | 1 of 3 | 1 of 1 |" in table


def test_a_category_is_named_by_trace_and_spotted_by_span(tmp_path: Path) -> None:
    truth = read_truth(truth_file(tmp_path))
    table = category_table(truth, [READ, COUNTED])
    assert "| Misread | 2 | 2 | 1 | It misreads results: 1 of 2 |" in table
    assert "| Late | 1 | 0 | 0 |" in table
    assert "| Rude | 1 | 1 | 0 | A tool fails: 1 of 1 |" in table
    assert "| It misreads results | MEDIUM | reading | 2 | 1 |" in issue_table(truth, [READ, COUNTED])
