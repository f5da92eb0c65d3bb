"""Holds an analysis with a reader against what people marked.

Printed are markdown tables: how many of the failed conversations the
issues cover and how many of the covered ones failed, what was found of each category that people marked, each issue beside the
outcome, and what the language model was asked. A covered trace that didn't fail isn't a false alarm by itself: what was counted
can happen in a conversation that ends well.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...tools.insights.affected import AffectedTrace
from ...tools.insights.store import InsightStore
from ...tools.tracking import connect
from ..command_line import command_line


@dataclass(frozen=True)
class Marked:
    """What people marked in one conversation."""

    failed: bool
    categories: frozenset[str]
    spans: frozenset[str]
    """Where the failures are."""


@dataclass(frozen=True)
class Found:
    """An issue as the memory holds it."""

    title: str
    severity: str
    read: bool
    """Whether it came of reading; of counting otherwise."""
    traces: Mapping[str, frozenset[str]]
    """The spans by trace."""


def read_truth(path: Path) -> dict[str, Marked]:
    """What is marked, by trace."""
    labels: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["labels"]["labels"]
    return {trace_id: _marked(label) for trace_id, label in labels.items()}


def _marked(label: Mapping[str, Any]) -> Marked:
    """What people marked; where nobody did, the categories that follow from the outcome."""
    failures: Sequence[Mapping[str, Any]] = label.get("failures", ())
    marked = [failure["category"] for failure in failures] or label.get("derived_categories", ())
    return Marked(
        not label["success"],
        frozenset(str(category) for category in marked),
        frozenset(str(failure["span_id"]) for failure in failures),
    )


def read_found(store: InsightStore, experiment_id: str, run_id: str) -> list[Found]:
    """The issues of the experiment, those of this analysis that were read marked as such."""
    reads = {
        each.hypothesis_id
        for each in store.list_hypotheses(run_id)
        if each.plan is not None and each.plan.decision.kind == "read"
    }
    listed = [(issue, store.issue_traces(issue.issue_id)) for issue in store.list_issues(experiment_id)]
    return [Found(issue.title, issue.severity, issue.hypothesis_id in reads, _by_trace(traces)) for issue, traces in listed]


def _by_trace(affected: Sequence[AffectedTrace]) -> dict[str, frozenset[str]]:
    return {
        trace_id: frozenset(each.span_id for each in affected if each.trace_id == trace_id and each.span_id)
        for trace_id in {each.trace_id for each in affected}
    }


def coverage(truth: Mapping[str, Marked], issues: Sequence[Found]) -> tuple[int, int, int, int]:
    """Failed conversations that are covered, all failed ones, covered ones that failed, all covered ones."""
    covered = {trace_id for issue in issues for trace_id in issue.traces if trace_id in truth}
    failed = {trace_id for trace_id, marked in truth.items() if marked.failed}
    return len(covered & failed), len(failed), len(covered & failed), len(covered)


def coverage_table(truth: Mapping[str, Marked], issues: Sequence[Found]) -> str:
    """Coverage and precision by what is asked of an issue."""
    chosen = {
        "all": issues,
        "above low severity": [issue for issue in issues if issue.severity != "LOW"],
        "by reading": [issue for issue in issues if issue.read],
        "by counting": [issue for issue in issues if not issue.read],
    }
    rows = [("issues", "number", "failed covered", "covered that failed")]
    for name, some in chosen.items():
        caught, failed, right, covered = coverage(truth, some)
        rows.append((name, str(sum(bool(each.traces) for each in some)), f"{caught} of {failed}", f"{right} of {covered}"))
    return _table(rows)


def category_table(truth: Mapping[str, Marked], issues: Sequence[Found]) -> str:
    """Of each marked category, how many of its conversations an issue names, how many at the marked span, and which fits best."""
    rows = [("marked by people", "conversations", "named by an issue", "at the marked span", "issue that names most of them")]
    for category, n in Counter(name for marked in truth.values() for name in sorted(marked.categories)).most_common():
        mine = {trace_id for trace_id, marked in truth.items() if category in marked.categories}
        named = {trace_id for issue in issues for trace_id in issue.traces} & mine
        spotted = {
            trace_id for issue in issues for trace_id in mine if issue.traces.get(trace_id, frozenset()) & truth[trace_id].spans
        }
        best = max(issues, key=lambda issue: len(mine & issue.traces.keys()), default=None)
        most = f"{best.title}: {len(mine & best.traces.keys())} of {len(best.traces)}" if best else ""
        rows.append((category, str(n), str(len(named)), str(len(spotted)), most))
    return _table(rows)


def issue_table(truth: Mapping[str, Marked], issues: Sequence[Found]) -> str:
    """Each issue, and how many of its conversations failed; the base rate stands in the head."""
    base = sum(marked.failed for marked in truth.values())
    failing = f"failed (all: {base} of {len(truth)})"
    rows = [("issue", "severity", "found by", "conversations", failing)]
    for issue in sorted(issues, key=lambda issue: -len(issue.traces)):
        failed = sum(truth[trace_id].failed for trace_id in issue.traces if trace_id in truth)
        by = "reading" if issue.read else "counting"
        rows.append((issue.title, issue.severity, by, str(len(issue.traces)), str(failed)))
    return _table(rows)


def spending_table(store: InsightStore, run_id: str, traces: int) -> str:
    """What was asked of the language model, by what for."""
    kept = (store.read_answer(run_id, key) for key in sorted(store.list_answers(run_id)))
    answers = [answer for answer in kept if answer is not None]
    rows = [("question", "asked", "prompt tokens, mean", "most", "tokens, all")]
    for purpose in sorted({answer.prompt for answer in answers}):
        mine = [answer.usage for answer in answers if answer.prompt == purpose]
        rows.append((purpose, *_numbers([usage.prompt_tokens for usage in mine], sum(usage.tokens for usage in mine))))
    spend = store.get_analysis(run_id).spend
    rows.append(("all", *_numbers([answer.usage.prompt_tokens for answer in answers], spend.usage.tokens)))
    return f"{_table(rows)}\n\n{spend.calls} calls, {spend.calls / traces:.2f} a trace; given up: {spend.given_up}."


def _numbers(prompts: Sequence[int], tokens: int) -> tuple[str, str, str, str]:
    return str(len(prompts)), f"{sum(prompts) / max(1, len(prompts)):,.0f}", f"{max(prompts, default=0):,}", f"{tokens:,}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables(store: InsightStore, experiment_id: str, run_id: str, truth: Mapping[str, Marked]) -> Iterator[str]:
    """All tables, one after the other."""
    issues = read_found(store, experiment_id, run_id)
    yield coverage_table(truth, issues)
    yield category_table(truth, issues)
    yield issue_table(truth, issues)
    yield spending_table(store, run_id, len(truth))


def main() -> None:
    """Prints the tables."""
    parser = command_line("labelled.score", __doc__, takes="seconds: the analysis is there already")
    parser.add_argument("uri", metavar="URI", help="the tracking URI of the store that was analysed")
    parser.add_argument("experiment_id", metavar="EXPERIMENT_ID")
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="a truth.json, as the labelled experiments have it")
    parser.add_argument("run_id", metavar="RUN_ID", help="the run of the analysis")
    asked = parser.parse_args()
    store, truth = InsightStore(connect(asked.uri)), read_truth(asked.truth)
    print("\n\n".join(tables(store, asked.experiment_id, asked.run_id, truth)))


if __name__ == "__main__":
    main()
