"""How long the memory takes where many traces were looked at: linking, index tags and issues, at a quarter of the size and whole.

Both sizes are measured in one run over one SQLite store, so that what grows faster than the number of traces shows: the ratio
beside each pair is 4 where the time grows with the traces, 1 where it doesn't depend on them, and 16 where it is quadratic.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from analyze_experiment.evals.bench.trace_store import Store, add_traces, create_store, trace_id
from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import (
    AnalysisStatus,
    Cause,
    Evidence,
    Fingerprint,
    HypothesisDraft,
    IssueDraft,
    Severity,
)
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect

SHARE = 4
"""The smaller size is the larger one divided by this."""
STEP = 100
"""Traces that are linked together, as a query that shows a hundred does."""
ISSUES, HYPOTHESES = 10, 100


def draft(number: int, affected: int) -> IssueDraft:
    """An issue with one piece of evidence, which affects so many traces."""
    return IssueDraft(
        title=f"Answers are late in many traces, {number}",
        description="They are.",
        severity=Severity.MEDIUM,
        kind="operational",
        source="census",
        affected=affected,
        population=affected,
        cause=Cause(text="Nobody knows.", standing="suspected"),
        recommendation="Look.",
        fingerprint=Fingerprint(population="all traces", measure=f"late_{number}"),
        evidence=(Evidence(trace_id=trace_id(number), rationale="It is late."),),
    )


def measured(store: Store, traces: int) -> dict[str, float]:
    """Seconds of each act, in an analysis of its own whose memory is opened anew."""
    times: dict[str, float] = {}
    memory = InsightStore(connect(store.uri))
    analysis = memory.create_analysis(store.experiment_id, key=str(traces), name="Linking", run_name="Linking", analyst="bench")
    run_id, ids = analysis.run_id, [trace_id(number) for number in range(traces)]

    def clock(what: str, act: Callable[[], object]) -> None:
        began = time.perf_counter()
        act()
        times[what] = time.perf_counter() - began

    def link() -> None:
        for start in range(0, traces, STEP):
            memory.reader.link(run_id, ids[start : start + STEP], experiment_id=store.experiment_id)

    affected = [AffectedTrace(each, "", "late") for each in ids]
    clock(f"link all, {STEP} at a time", link)
    clock("link all again", link)
    clock("list what is linked", lambda: memory.linked_ids(run_id))
    anew = InsightStore(connect(store.uri))
    clock("link one more, memory opened anew", lambda: anew.reader.link(run_id, ids[:1], experiment_id=store.experiment_id))
    clock(
        f"{ISSUES} issues, each of all traces",
        lambda: [memory.create_issue(run_id, draft(n, traces), affected) for n in range(ISSUES)],
    )
    clock(
        "list the issues, read their traces",
        lambda: [memory.issue_traces(each.issue_id) for each in anew.list_issues(store.experiment_id)],
    )
    hypotheses = [HypothesisDraft(statement=f"S{n}", testing_plan="P", source="user", kind="quality") for n in range(HYPOTHESES)]
    clock(f"{HYPOTHESES} hypotheses", lambda: [memory.create_hypothesis(run_id, each) for each in hypotheses])
    clock(f"list {HYPOTHESES} hypotheses, memory opened anew", lambda: anew.list_hypotheses(run_id))
    memory.update_analysis(run_id, op="done", change=lambda each: each.model_copy(update={"status": AnalysisStatus.COMPLETED}))
    return times


def measure(folder: Path, traces: int) -> str:
    """Builds a store, takes both sizes, and says how they compare."""
    store = create_store(folder)
    add_traces(store, 0, traces)
    small, whole = measured(store, traces // SHARE), measured(store, traces)
    lines = [f"| what | {traces // SHARE:,} traces, s | {traces:,} traces, s | ratio |", "|---|---|---|---|"]
    return "\n".join(
        [*lines, *(f"| {what} | {small[what]:.2f} | {whole[what]:.2f} | {whole[what] / small[what]:.1f} |" for what in whole)]
    )


def main() -> None:
    """Runs the bench."""
    parser = command_line("bench.linking", __doc__, takes="about a minute")
    parser.add_argument("--traces", type=int, default=10_000, help="default: 10,000")
    parser.add_argument("--folder", type=Path, help="where the store is built; a temporary folder by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(measure(Path(folder), arguments.traces))


if __name__ == "__main__":
    main()
