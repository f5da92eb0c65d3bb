"""Times what a person waits for who gives a hypothesis up while its query runs: until it is committed, and until the work ends.

On a planted SQLite store of 60 traces, each hypothesis a query that would take for ever. `here`: through the analysis that runs,
as the chat does it. `elsewhere`: written to the memory as another process would, and seen by the pool. `here, judged`: what is
given up is being read, with a call in flight to a judge that never answers. Prints a markdown table.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from langgraph.runtime import RunControl

from analyze_experiment.agent.analysts.statistical import StatisticalAnalyst
from analyze_experiment.agent.asking import Payload
from analyze_experiment.agent.human import PolicyHuman, Reply
from analyze_experiment.agent.session import Drive, open_context
from analyze_experiment.agent.settings import Settings
from analyze_experiment.evals.bench.silent_judge import JudgeDropper, SilentServer, UnreadAnalyst
from analyze_experiment.evals.command_line import command_line
from analyze_experiment.evals.planted.build import build
from analyze_experiment.evals.planted.store import EXPERIMENT
from analyze_experiment.graph import interventions
from analyze_experiment.graph.context import Context
from analyze_experiment.graph.ports import Analyst, Event, Proposal
from analyze_experiment.tools.insights.models import Analysis, Census, HypothesisDraft, Issue
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.sql.process import WorkerProcess
from analyze_experiment.tools.testing.plan import Count, Plan, QueryStep
from analyze_experiment.tools.testing.playbooks import load_playbook
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

REPEATS = 8
SETTLE_S = 0.3
"""How long a query runs before it is dropped: it has begun by then."""
LOOK_S = 0.002
ENDLESS = (
    "SELECT max(a.trace_id) AS trace_id FROM spans AS a "
    + " ".join(f"CROSS JOIN spans AS {name}" for name in "bcdefghijkl")
    + " WHERE length(concat(a.name, b.name, c.name, d.name, e.name, f.name, g.name, h.name, i.name)) > {limit}"
)

Drop = Callable[[Context, str, str], Awaitable[object]]


def endless(number: int) -> HypothesisDraft:
    """A hypothesis whose query nobody sees the end of."""
    step = QueryStep(role="affected", title="longer than anybody waits", sql=ENDLESS.format(limit=1000 + number))
    plan = Plan(estimand="snapshot", steps=(step,), decision=Count(at_least=1, threshold_source="user"))
    return HypothesisDraft(
        statement=f"Nobody knows ({number}).", testing_plan="Count for ever.", plan=plan, source="user", kind="quality"
    )


class EndlessAnalyst(StatisticalAnalyst):
    """Proposes endless hypotheses, and nothing else."""

    async def propose(self, bench: Workbench, analysis: Analysis, census: Census, earlier: Sequence[Issue]) -> Proposal:
        """As many as are dropped."""
        return Proposal([endless(number) for number in range(REPEATS)])


@dataclass
class Dropper:
    """A display that has each hypothesis dropped once its endless step runs."""

    drop: Drop
    loop: asyncio.AbstractEventLoop
    context: Context | None = None
    acknowledged_s: list[float] = field(default_factory=lambda: list[float]())
    ended_s: list[float] = field(default_factory=lambda: list[float]())
    _tasks: set["asyncio.Task[None]"] = field(default_factory=lambda: set["asyncio.Task[None]"]())

    def show(self, event: Event) -> None:
        """Begins to measure after the population was counted: the next step is the endless one."""
        if event.kind == "query":
            self.loop.call_soon_threadsafe(self._begin, event.subject)

    def _begin(self, subject: str) -> None:
        task = asyncio.create_task(self._measure(subject))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _measure(self, subject: str) -> None:
        assert self.context is not None and self.context.pool is not None
        bench = self.context.pool.bench
        while not (working := _workers(bench, subject)):
            await asyncio.sleep(LOOK_S)
        await asyncio.sleep(SETTLE_S)
        begin = time.perf_counter()
        await self.drop(self.context, bench.run_id, subject)
        self.acknowledged_s.append(time.perf_counter() - begin)
        while any(_alive(pid) for pid in working):
            await asyncio.sleep(LOOK_S)
        self.ended_s.append(time.perf_counter() - begin)


Measure = Callable[[Path], Awaitable[Dropper | JudgeDropper]]
D = TypeVar("D", Dropper, JudgeDropper)


def _workers(bench: Workbench, subject: str) -> list[int]:
    """The processes that work on a hypothesis."""
    jobs = [job for job in tuple(bench.sql._jobs) if job.owner.startswith(subject)]
    return [job.worker.pid for job in jobs if isinstance(job.worker, WorkerProcess)]


def _alive(pid: int) -> bool:
    """Whether a process is there and not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def here(context: Context, run_id: str, subject: str) -> None:
    """As the chat drops."""
    await interventions.drop(context, run_id, subject, why="measured")


async def elsewhere(context: Context, run_id: str, subject: str) -> None:
    """As another process drops: through a store of its own."""
    store = InsightStore(connect(context.tracking.uri))
    await asyncio.to_thread(lambda: store.drop_hypothesis(run_id, subject, why="measured"))


async def measure(folder: Path, drop: Drop) -> Dropper:
    """One analysis, all of whose hypotheses are dropped in flight."""
    return await analyse(folder, Dropper(drop, asyncio.get_running_loop()), EndlessAnalyst(load_playbook()))


async def measure_judged(folder: Path) -> JudgeDropper:
    """One analysis, all of whose readings are dropped while their judge is asked."""
    with SilentServer() as server:
        return await analyse(folder, JudgeDropper(server, REPEATS, SETTLE_S), UnreadAnalyst(server.address))


async def analyse(folder: Path, dropper: D, analyst: Analyst) -> D:
    """The analysis that the dropper watches."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    settings = Settings(tracking_uri=uri, experiment=EXPERIMENT, cache=folder / "cache", report=folder / "report.md")

    async def answer(payload: Payload) -> Reply:
        return PolicyHuman().answer(payload)

    store = InsightStore(connect(uri))
    with open_context(
        settings, store, None, display=dropper, check_stop=lambda: None, on_lost=lambda: None, analyst=analyst
    ) as context:
        dropper.context = context
        await Drive(context, answer, RunControl()).run(None)
    return dropper


def main() -> None:
    """Prints the table."""
    command_line("bench.drop", __doc__, takes="about a minute").parse_args()
    print("| dropped | what | median ms | largest ms | to be under |")
    print("|---|---|---|---|---|")
    ways: tuple[tuple[str, Measure, str, int], ...] = (
        ("here", lambda folder: measure(folder, here), "its query's process gone", 200),
        ("elsewhere", lambda folder: measure(folder, elsewhere), "its query's process gone", 2000),
        ("here, judged", measure_judged, "the server sees its judge's call closed", 200),
    )
    for name, way, ended, limit in ways:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = folder
            build(Path(folder) / "mlflow.db", traces=60)
            dropped = asyncio.run(way(Path(folder)))
        assert len(dropped.ended_s) == REPEATS
        for what, taken in (("committed, acknowledged", dropped.acknowledged_s), (ended, dropped.ended_s)):
            print(f"| {name} | {what} | {1000 * statistics.median(taken):.0f} | {1000 * max(taken):.0f} | {limit} |", flush=True)


if __name__ == "__main__":
    main()
