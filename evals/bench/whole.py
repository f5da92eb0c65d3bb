"""A whole statistical analysis of many invented traces: seconds, processor time and memory of each of its steps.

The stores are those of `trace_store.py`, 7.5 spans a trace. `run-analysis` runs in a process of its own, as a user starts it,
and is watched from outside: the steps by the lines that it prints, processor time and memory by those of all its processes, ended
ones included. The first step copies the traces; what comes after it, and after importing, is the analysis. A store that is found
in the folder is used as it is: where it was analysed before, the analysis finds its issues again.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from analyze_experiment.evals.bench.trace_store import Store, add_traces, create_store, open_store
from analyze_experiment.evals.command_line import command_line

COMMAND = (sys.executable, "-W", "ignore", "-c", "from analyze_experiment.agent.cli import main; main()")
STEPS = ("setup", "purpose", "census", "hypotheses", "test", "issues", "report")
PAYLOAD = 0.25
LOOK_S = 0.25
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """What a step took: seconds by the clock, seconds of processor time, and the most memory at one moment, MiB."""

    clock_s: float
    processor_s: float
    peak_mb: float


class Meter:
    """Watches a process and all that it starts, from its beginning."""

    def __init__(self, pid: int) -> None:
        self._pid, self._began, self._peak_mb = pid, time.perf_counter(), 0.0
        self._spent_s, self._stopped = 0.0, Event()
        self._watch = Thread(target=self._look_on, daemon=True)
        self._watch.start()

    def lap(self) -> Cost:
        """Seconds and processor time since the beginning, and the most memory since the last lap."""
        self._look()
        peak_mb, self._peak_mb = self._peak_mb, 0.0
        return Cost(time.perf_counter() - self._began, self._spent_s, peak_mb)

    def stop(self) -> None:
        """Looks no more."""
        self._stopped.set()
        self._watch.join()

    def _look_on(self) -> None:
        while not self._stopped.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        spent_s, held_mb = map(sum, zip(*(_of_process(pid) for pid in (self._pid, *descendants(self._pid))), strict=True))
        self._spent_s, self._peak_mb = max(self._spent_s, spent_s), max(self._peak_mb, held_mb)


def descendants(pid: int) -> Iterator[int]:
    """All processes that a process, or one of these, has started and that live."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, task.read_text(encoding="ascii").split()):
                yield child
                yield from descendants(child)


def _of_process(pid: int) -> tuple[float, float]:
    """Processor time of a process and of its children that have ended, seconds; the memory it holds by itself, MiB."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        memory = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0.0, 0.0
    found = re.search(r"^Pss: +(\d+)", memory, re.MULTILINE)
    return sum(map(int, fields[11:15])) / TICKS, int(found[1]) / 1024 if found else 0.0


def analyse(store: Store, folder: Path) -> dict[str, Cost]:
    """What each step of an analysis took."""
    places = ["--report", str(folder / "report.md"), "--cache", str(folder / "cache")]
    options = ["--tracking-uri", store.uri, "--experiment", store.experiment_id, "--unattended", "--output", "plain", *places]
    laps: list[tuple[str, Cost]] = []
    with subprocess.Popen([*COMMAND, *options], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=folder) as run:
        assert run.stderr is not None
        meter, step = Meter(run.pid), "start-up"
        for line in run.stderr:
            named = line[1:].partition("]")[0]
            if named in STEPS and named != step:
                laps.append((step, meter.lap()))
                step = named
        laps.append((step, meter.lap()))
        meter.stop()
    if run.returncode:
        raise SystemExit(f"the analysis of {store.uri} ended with exit code {run.returncode}")
    return _by_step(laps)


def _by_step(laps: Iterable[tuple[str, Cost]]) -> dict[str, Cost]:
    """Of laps one after the other; a step may have several, because others speak meanwhile."""
    costs: dict[str, Cost] = {}
    before = Cost(0, 0, 0)
    for step, lap in laps:
        sofar = costs.get(step, Cost(0, 0, 0))
        costs[step] = Cost(
            sofar.clock_s + lap.clock_s - before.clock_s,
            sofar.processor_s + lap.processor_s - before.processor_s,
            max(sofar.peak_mb, lap.peak_mb),
        )
        before = lap
    return costs


def measure(folder: Path, traces: int) -> dict[str, Cost]:
    """Builds the store, unless it is there, and analyses it."""
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(folder, PAYLOAD) or create_store(folder, PAYLOAD)
    if not store.traces:
        add_traces(store, 0, traces)
    costs = analyse(store, folder)
    after = [cost for step, cost in costs.items() if step not in ("start-up", "setup")]
    whole = Cost(
        sum(each.clock_s for each in after), sum(each.processor_s for each in after), max(each.peak_mb for each in after)
    )
    return {**costs, "all after the copy": whole}


def main() -> None:
    """Runs the bench."""
    parser = command_line(
        "bench.whole", __doc__, takes="about two minutes; with a million traces some ten minutes, and 20 GB of disk"
    )
    parser.add_argument("--traces", type=int, nargs="+", default=[20_000, 100_000], help="default: 20,000 100,000")
    parser.add_argument("--folder", type=Path, help="where the stores are kept, one folder a size; a temporary folder by default")
    asked: argparse.Namespace = parser.parse_args()
    print("| traces | step | s | processor s | peak, MiB |\n|" + "---|" * 5)
    with tempfile.TemporaryDirectory() as scratch:
        for traces in asked.traces:
            for step, cost in measure((asked.folder or Path(scratch)).absolute() / str(traces), traces).items():
                print(f"| {traces:,} | {step} | {cost.clock_s:.1f} | {cost.processor_s:.1f} | {cost.peak_mb:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
