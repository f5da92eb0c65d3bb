"""Kills a session of the memory after every write, lets the next process go on, and compares what is left.

A program, because only a process without threads may fork: `python crashes.py TEMPLATE TRACES WORK` prints a JSON line per kill.

Each process is forked from one that has imported what a session imports and done nothing else: it opens the store, the copy of
the traces and its workers anew, so it shares with the process that was killed what two starts of the program share, the code.
"""

import gc
import importlib
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.quick_stores import quicken_stores
from analyze_experiment.tests.tools.insights.samples import CENSUS, INSTANT, RESULT, SNAPSHOT, draft, issue, query, verdict
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.lease import TAG as LEASE
from analyze_experiment.tools.insights.models import Analysis, AnalysisStatus, Evidence, HypothesisStatus, IssueStatus, Proposals
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect

Boundary = Callable[[str], None]
Session = Callable[[str, Boundary], None]
"""Carries a piece of work to its end in the store of this URI, from wherever an earlier process left it."""
Say = Callable[[object], object]
Choice = Callable[[Sequence[str]], set[int]]
"""Which boundaries of a session are tried, by number from 1 on, of the labels of all."""

EXPERIMENT = "1"
KILLED = 10
"""Of as many boundaries one is reached by a session that is killed there; of the others a copy is gone on with."""
ALONE = ("analysis.yaml", "snapshot.yaml", "baseline_census.yaml", "proposals")
"""Documents between which the writes of a step are: an analysis writes them one at a time, and goes on by what they say."""
RESOLVED = {"status": IssueStatus.RESOLVED, "resolution": "A retry was added."}
_RUN_ID = re.compile(r"\b[0-9a-f]{32}\b")
_NUMBERED = re.compile(r"(?<![A-Za-z])([QH]|I-\d+-|tr-)[0-9a-f]{8,}|\b\d+$")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)?")


@dataclass(frozen=True)
class Trial:
    """What one kill left behind, once the work was done again."""

    label: str
    same: bool
    memory: str


def every_write(labels: Sequence[str]) -> set[int]:
    """The boundaries after all writes, and the one before the first, by number from 1 on."""
    return {number for number, label in enumerate(labels, start=1) if number == 1 or label.startswith("after ")}


def first_middle_and_last(labels: Sequence[str]) -> set[int]:
    """Of the writes of one kind in one step the first, the middle one and the last; before the first write of all.

    That is every write but those of a loop over equal things: twelve queries of a census, the hypotheses, the issues' marks. What
    a death between two of them leaves is some of them written and the others not, and whoever goes on asks of each by itself
    whether it is there. After the first one is there and the next is not, after the last all are and what follows is not, and
    the middle one has several before it and behind it; a further one would differ in their number alone.
    """
    steps: dict[tuple[int, str], list[int]] = {}
    step = 0
    for number, label in enumerate(labels, start=1):
        if label.startswith("after "):
            step += any(f"insights/{name}" in label for name in ALONE)
            steps.setdefault((step, _NUMBERED.sub("", label)), []).append(number)
    return {1} | {numbers[index] for numbers in steps.values() for index in (0, len(numbers) // 2, -1)}


def crash_after_every_write(
    uri: str, copies: Path, session: Session, *, choose: Choice = every_write, shard: tuple[int, int] = (0, 1)
) -> list[Trial]:
    """Runs the session undisturbed (the first trial), then lets another process go on from what a death at each write leaves.

    What a SIGKILL leaves is the store's folder as it stands at the boundary, so an undisturbed session leaves a copy of it at
    each, which saves the time to come there again. Before the first write counts as one too; before any later write nothing
    stands that didn't stand after the one before it.

    Whoever goes on is followed until it has made the memory that the undisturbed session had at the next boundary that is
    tried: from there on it would do what the next trial does, which begins with that memory. One that doesn't come by goes on
    to the end. Of every ten boundaries one is reached anew by a session that is killed there, and gone on from to the end.

    Args:
        uri: An SQLite store in a folder of its own, as it is before the session.
        copies: A folder to be made, for the copies.
        session: What is killed.
        choose: Which of the boundaries are tried.
        shard: Of (i, n) every n-th of those is tried, from the i-th on: n processes that share the work try them all.
    """
    home = Path(uri.removeprefix("sqlite:///")).parent
    _copy(home, copies / "0")
    labels, end = _undisturbed(uri, session)
    first, shards = shard
    tried = sorted(choose(labels))[first::shards]
    _renew(home, copies / "0")
    stands = [*_copy_at(uri, session, labels, {number: copies / str(number) for number in tried}), None]
    trials = [Trial("undisturbed", True, end)]
    for order, number in enumerate(tried):
        killed = order % KILLED == 0
        _renew(home, copies / ("0" if killed else str(number)))
        if killed:
            _kill(uri, number, session)
        same, memory = _go_on(uri, session, end, by=None if killed else stands[order + 1])
        trials.append(Trial(labels[number - 1], same, memory))
    return trials


class Stand(NamedTuple):
    """What an undisturbed session has written at a boundary."""

    label: str
    memory: str


def _undisturbed(uri: str, session: Session) -> tuple[list[str], str]:
    """The boundaries of a session that nobody disturbs, and the memory that it leaves.

    What it imports late is imported here as well: once, not in each of the processes that are forked.
    """

    def listen(say: Say) -> None:
        labels: list[str] = []
        session(uri, labels.append)
        say([labels, canonical_memory(uri), sorted(sys.modules)])

    labels, memory, modules = _told(uri, listen)
    for name in modules:
        with suppress(ImportError):  # made up by a library, and no file
            importlib.import_module(name)
    gc.freeze()  # what is shared is not looked through, and so not copied, by each process
    return labels, memory


def _copy_at(uri: str, session: Session, labels: list[str], copies: Mapping[int, Path]) -> list[Stand]:
    """Runs the session undisturbed once more, copies what stands at these boundaries, and returns it."""
    home = Path(uri.removeprefix("sqlite:///")).parent

    def run(say: Say) -> None:
        again: list[str] = []
        stands: list[Stand] = []

        def copy(label: str) -> None:
            again.append(label)
            if len(again) in copies:
                _copy(home, copies[len(again)])
                stands.append(Stand(label, canonical_memory(uri)))

        session(uri, copy)
        if again != labels:
            differing = next(pair for pair in zip_longest(labels, again) if pair[0] != pair[1])
            raise AssertionError(f"the same session wrote {differing[1]!r} where it had written {differing[0]!r}")
        say(stands)

    return [Stand(*each) for each in _told(uri, run)]


def _renew(home: Path, copy: Path) -> None:
    """Puts a store's folder back to what it was."""
    shutil.rmtree(home)
    shutil.copytree(copy, home)


def _copy(home: Path, copy: Path) -> None:
    """Copies a store's folder; its database through SQLite, since another thread may be about to renew the lease there."""
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("mlflow.db*"))
    with closing(sqlite3.connect(home / "mlflow.db")) as source, closing(sqlite3.connect(copy / "mlflow.db")) as target:
        source.backup(target)


def _kill(uri: str, number: int, session: Session) -> None:
    killed = in_child(lambda: session(uri, _kill_at(number)))
    if killed != -signal.SIGKILL:
        raise AssertionError(f"the session ended by {killed} before its boundary {number}")


def _go_on(uri: str, session: Session, end: str, *, by: Stand | None) -> tuple[bool, str]:
    """Goes on with the session in another process, to where an undisturbed one stands or to the end.

    Returns:
        Whether the memory is that of the undisturbed session there, and the memory.
    """

    def run(say: Say) -> None:
        def compare(label: str) -> None:
            if by is not None and label == by.label and (memory := canonical_memory(uri)) == by.memory:
                say([True, memory])
                os._exit(0)

        session(uri, compare)
        memory = canonical_memory(uri)
        say([memory == end, memory])

    same, memory = _told(uri, run)
    return same, memory


def _told(uri: str, call: Callable[[Say], None]) -> Any:
    """What a forked process says, once, that makes the call."""
    said = Path(uri.removeprefix("sqlite:///")).with_name("said.json")
    ended = in_child(lambda: call(lambda told: said.write_text(json.dumps(told), encoding="utf-8")))
    if ended != 0:
        raise AssertionError(f"the session ended by {ended} in {said.parent.name}")
    return json.loads(said.read_text(encoding="utf-8"))


def _kill_at(number: int) -> Boundary:
    reached = 0

    def kill(_label: str) -> None:
        nonlocal reached
        reached += 1
        if reached == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def in_child(call: Callable[[], object]) -> int:
    """The exit code of a forked process that makes the call; negative: the signal that ended it."""
    child = os.fork()
    if child == 0:
        _call_and_exit(call)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _call_and_exit(call: Callable[[], object]) -> NoReturn:
    code = 1
    try:
        call()
        code = 0
    finally:
        if code:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # there is an exception here
        sys.stderr.flush()
        os._exit(code)


def canonical_memory(uri: str) -> str:
    """Every run with its tags, artifacts and links, and MLflow's own issues, as text; ids of runs and times are replaced."""
    store = InsightStore(connect(uri))
    runs = store.tracking.client.search_runs([EXPERIMENT])
    described: list[str] = []
    for run in sorted(runs, key=lambda run: str(run.data.tags.get("mlflow.insights.type"))):
        run_id = str(run.info.run_id)
        files = {name: store.files.read(run_id, name) for name in store.files.names(run_id)}
        links = store.reader.linked(run_id, experiment_id=EXPERIMENT)
        tags = {key: value for key, value in run.data.tags.items() if key != LEASE}  # who holds it is no memory of an analysis
        seen = {"name": run.info.run_name, "status": run.info.status, "tags": tags, "files": files, "links": links}
        described.append(json.dumps(seen, indent=1, sort_keys=True))
    described += native_issues(store)
    names: dict[str, str] = {}
    text = _RUN_ID.sub(lambda match: names.setdefault(match[0], f"run {len(names)}"), "\n".join(described))
    folder = str(Path(uri.removeprefix("sqlite:///")).parent)
    return _TIME.sub("then", text).replace(folder, "here")


def native_issues(store: InsightStore) -> list[str]:
    """MLflow's own issues as they stand in the store, each with the traces that are marked with it, doubles and all."""
    issues = store.native._tracing.store.search_issues(EXPERIMENT)
    traces = store.tracking.client.search_traces(locations=[EXPERIMENT], include_spans=False, max_results=500)
    marks = [(mark.name, trace.info.trace_id) for trace in traces for mark in trace.info.assessments if mark.issue]
    shown = [
        {**issue.to_dictionary(), "created_timestamp": 0, "last_updated_timestamp": 0, "issue_id": ""}
        | {"marks": sorted(trace_id for name, trace_id in marks if name == issue.issue_id)}
        for issue in issues
    ]
    return sorted(json.dumps(each, indent=1, sort_keys=True) for each in shown)


def memory_session(trace_ids: list[str]) -> Session:
    """A short analysis, straight through the store: each kind of write at least once."""
    third, fourth = trace_ids[2], trace_ids[3]

    def session(uri: str, boundary: Boundary) -> None:
        store = InsightStore(connect(uri), now=lambda: INSTANT, boundary=boundary)
        store.list_issues(EXPERIMENT)
        for each in store.list_analyses(EXPERIMENT):
            store.list_hypotheses(each.run_id)
        run_id = store.create_analysis(EXPERIMENT, key="session", name="All", run_name="all traces", analyst="statistical").run_id
        store.write_snapshot(run_id, SNAPSHOT)
        store.finish_step(run_id, "setup")
        store.write_query(run_id, query())
        store.write_census(run_id, CENSUS)
        drafts = (draft("A"), draft("B", plan=None, origin="hypotheses 0 1"))
        for each in store.write_proposals(run_id, Proposals(step="hypotheses", round=0, drafts=drafts)).drafts:
            store.create_hypothesis(run_id, each)
        first, second = (each.hypothesis_id for each in store.list_hypotheses(run_id))
        store.record_result(run_id, first, RESULT, [Evidence(trace_id=third), Evidence(trace_id=fourth, supports=False)])
        store.drop_hypothesis(run_id, second, why="out of scope")
        store.decide(run_id, first, verdict(HypothesisStatus.VALIDATED))
        found = issue(third, fourth, kind="quality", source="hypothesis", hypothesis_id=first, measure="failures")
        made = store.create_issue(run_id, found, [AffectedTrace(third), AffectedTrace(fourth)])
        store.mirror_issues(EXPERIMENT)
        store.update_issue(made.issue_id, op="resolve", change=lambda current: current.model_copy(update=RESOLVED))
        store.mirror_issues(EXPERIMENT)
        store.write_report(run_id, "# Report\n", "<h1>Report</h1>\n")
        store.update_analysis(run_id, op="done", change=_named_and_completed)
        store.show_result(run_id, traces=5)

    return session


def _named_and_completed(analysis: Analysis) -> Analysis:
    update = {"status": AnalysisStatus.COMPLETED, "description": "Everything.", "run_name": "everything", "name": "Everything"}
    return analysis.model_copy(update=update)


def main() -> None:
    """Prints one JSON object per trial."""
    template, traces, work = sys.argv[1:]
    quicken_stores()
    uri, session = copy_store(Path(template), Path(work) / "home"), memory_session(traces.split(","))
    for trial in crash_after_every_write(uri, Path(work) / "copies", session):
        sys.stdout.write(json.dumps(vars(trial)) + "\n")


if __name__ == "__main__":
    main()
