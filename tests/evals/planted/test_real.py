"""What people marked in a real experiment is found, missed, without power, or for readers."""

from analyze_experiment.evals.planted.benchmarked import Benchmarked
from analyze_experiment.evals.planted.real import RealResult, compare_marked
from analyze_experiment.evals.planted.report import render
from analyze_experiment.evals.planted.score import ReportedIssue


def _marked(title: str, kind: str, n: int) -> dict[str, object]:
    return {"title": title, "kind": kind, "trace_ids": [f"tr-{title}-{number}" for number in range(n)], "denominator": 100}


def test_too_few_traces_are_no_power_and_no_miss_and_outcomes_are_for_readers() -> None:
    issue = ReportedIssue("errors", frozenset(f"tr-seen-{number}" for number in range(9)), "operational")
    told = [
        _marked("seen", "operational", 10),
        _marked("unseen", "operational", 10),
        _marked("rare", "operational", 4),
        _marked("below", "performance", 6),
        _marked("wrong", "quality", 30),
        _marked("of a tool", "tool", 30),
    ]
    marked = tuple(compare_marked(told, [issue]))
    assert [(each.title, each.outcome) for each in marked] == [
        ("seen", "found"),
        ("unseen", "missed"),
        ("rare", "no power"),
        ("below", "no power"),
        ("wrong", "only reading"),
    ]
    table = render(Benchmarked((), (), (RealResult(name="shop", traces=100, reported=1, marked=marked, seconds=3.0),)))
    assert "| shop | 100 | 1 | 1 | 1 | 2 | 1 | 0 | 3 |" in table
    assert "- shop, missed: unseen (10 of 100)" in table
