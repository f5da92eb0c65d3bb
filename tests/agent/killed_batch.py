"""A batch of two scopes that is killed at a few chosen points and run again.

A program, because only a process without threads may fork: `python killed_batch.py TEMPLATE WORK` prints a JSON line per trial.
"""

import gc
import importlib
import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from analyze_experiment.agent import session
from analyze_experiment.agent.batch import run_batch
from analyze_experiment.tests.agent.whole import GivenAnalyst, memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.forked_workers import open_nursery, quick_workers
from analyze_experiment.tests.quick_stores import quicken_stores
from analyze_experiment.tests.tools.insights.crashes import in_child
from analyze_experiment.tools.insights.artifacts import RunFiles
from analyze_experiment.tools.traces import workers

CONFIG = """\
tracking-uri: {uri}
experiment: "1"
since: last
cache: {folder}/cache
report: {folder}/report.md
scopes:
  - name: prod
    filter: tags['env'] = 'prod'
  - name: staging
    filter: tags['env'] = 'staging'
"""
POINTS = {
    "in the first scope": (r"after artifact insights/proposals_hypotheses_0\.yaml", 1),
    "between the scopes": (r"before run (?!Insights)", 2),
    "in the second scope": (r"after artifact insights/report\.md", 2),
}
"""Per point a boundary's label, and which of those."""


def batch(uri: str, reached: Callable[[str], None]) -> list[int]:
    """Runs the batch in this process; gives the exit codes of its scopes."""
    writing = RunFiles.writing

    @contextmanager
    def watched(self: RunFiles, label: str) -> Generator[None]:
        reached(f"before {label}")
        with writing(self, label):
            yield
        reached(f"after {label}")

    RunFiles.writing = watched
    session.choose_analyst = lambda *_, **__: GivenAnalyst([])  # type: ignore[assignment]  # nothing else may answer here
    folder = Path(uri.removeprefix("sqlite:///")).parent
    config = folder / "analyses.yaml"
    config.write_text(CONFIG.format(uri=uri, folder=folder), encoding="utf-8")
    stdout = io.StringIO()
    run_batch(config, {"output": "json"}, stdout)
    return [json.loads(line)["exit_code"] for line in stdout.getvalue().splitlines()]


def killed_at(pattern: str, number: int) -> Callable[[str], None]:
    """Kills this process at the boundary."""
    left = number

    def reached(name: str) -> None:
        nonlocal left
        left -= re.match(pattern, name) is not None
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def findings(uri: str) -> dict[str, object]:
    """What the analyses found, without ids of runs and times."""
    memory = memory_of(uri)
    analyses = memory.list_analyses("1")
    counted = {each.run_id: memory.read_snapshot(each.run_id) for each in analyses}
    return {
        "analyses": sorted(
            (each.scope.filter, str(each.status), snapshot.traces if (snapshot := counted[each.run_id]) else 0)
            for each in analyses
        ),
        "issues": [
            (each.issue_id, each.counts, str(each.status), [(point.affected, point.standing) for point in each.trend])
            for each in memory.list_issues("1")
        ],
        "parents": len(memory.files.find_runs("1", tag="mlflow.insights.type", value="parent")),
    }


def told_of(uri: str) -> dict[str, object]:
    """The batch to its end in a process of its own; gives its exit codes, and what is found by then."""
    told = Path(uri.removeprefix("sqlite:///")).with_name("told.json")

    def finish() -> None:
        codes = batch(uri, lambda _: None)
        told.write_text(json.dumps({"codes": codes, "findings": findings(uri)}), encoding="utf-8")

    if in_child(finish) != 0:
        raise AssertionError("the batch could not go on")
    return json.loads(told.read_text(encoding="utf-8"))


def main() -> None:
    """Prints one JSON object per trial; the first is undisturbed."""
    template, work = map(Path, sys.argv[1:])
    quicken_stores()
    for name in ("alembic.command", "matplotlib.figure", "matplotlib.backends.backend_svg"):
        importlib.import_module(name)  # once, not in each of the processes that are forked
    workers.WORKERS = 1  # a second process to copy some dozens of traces would take longer to start than to do it
    gc.freeze()
    with open_nursery() as nursery, quick_workers(nursery):
        try_all(template, work)


def try_all(template: Path, work: Path) -> None:
    """Tells of the undisturbed batch, and of one killed at each point."""
    _say(point="undisturbed", **told_of(copy_store(template, work / "undisturbed")))
    for number, (name, point) in enumerate(POINTS.items()):
        uri = copy_store(template, work / str(number))
        ended = in_child(partial(batch, uri, killed_at(*point)))
        _say(point=name, ended=ended, **told_of(uri))


def _say(**told: object) -> None:
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
