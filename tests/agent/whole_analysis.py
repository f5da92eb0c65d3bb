"""Whole analyses that die after every write and go on.

A program, because only a process without threads may fork: `python whole_analysis.py SCENARIO TEMPLATE WORK SHARD SHARDS` prints
a JSON line per kill of its share. TEMPLATE is a store of traces for the scenario that begins with one, for others an empty one.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from analyze_experiment.agent.analysts import portrait
from analyze_experiment.agent.display import make_display
from analyze_experiment.agent.human import PolicyHuman
from analyze_experiment.agent.session import run_session
from analyze_experiment.agent.settings import Settings
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.agent.unfinished import TRIES, Unfinished
from analyze_experiment.evals.month.traffic import Rates, end_of, new_store, write_day
from analyze_experiment.graph import pool, side_by_side
from analyze_experiment.graph.ports import Analyst
from analyze_experiment.tests.agent.whole import INSTANT, GivenAnalyst, entries
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.forked_workers import open_nursery, quick_workers
from analyze_experiment.tests.quick_stores import copied_stores, quicken_stores
from analyze_experiment.tests.tools.insights.crashes import (
    EXPERIMENT,
    Boundary,
    Choice,
    Session,
    crash_after_every_write,
    first_middle_and_last,
    in_child,
)
from analyze_experiment.tools.census import census
from analyze_experiment.tools.insights import lease, mirror
from analyze_experiment.tools.insights.artifacts import no_boundary
from analyze_experiment.tools.insights.models import Scope
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.traces import workers
from analyze_experiment.tools.tracking import connect

TESTED = ("swallowed_tool_errors", "claimed_but_never_done", "invalid_tool_arguments", "slower_since_latest_version")
"""A few of the playbook's entries: enough for every kind of write, few enough to be killed at each."""
DAYS = (Rates(tool_fails=0.4, empty_answer=0.3), Rates(tool_fails=0.9, empty_answer=0.0))
"""Two nights of a scope: the tool that fails fails more on the second, and the empty answers aren't seen any more."""
TRACES = 40
LATER = ("proposals", "hypothesis", "insights.h.", "issue", "insights.i.", "native", "insights.analysis")
"""What a later night writes about what an earlier one found."""


@dataclass(frozen=True)
class Scenario:
    """What is killed."""

    prepare: Callable[[Path, Path], None]
    """Makes the store, in this folder, out of the template."""
    session: Session
    choose: Choice


def prepare_first(template: Path, home: Path) -> None:
    """A store with traces, and nothing of ours."""
    copy_store(template, home)


def first_night(uri: str, boundary: Boundary) -> None:
    """An analysis of the store."""
    first, *others = entries(*TESTED)
    blocked = first.model_copy(update={"statement": "Something else", "plan": None, "blocked": "no plan"})
    analyse(uri, boundary, analyst=GivenAnalyst([first, *others, blocked]))


def prepare_second(template: Path, home: Path) -> None:
    """A store whose first day was analysed, to which a second came."""
    database = home / "mlflow.db"
    uri = f"sqlite:///{database}"
    with copied_stores(template):
        new_store(database)
    write_day(database, 0, DAYS[0], traces=TRACES)
    if in_child(partial(night, 0, uri, no_boundary)) != 0:
        raise AssertionError("the first night failed")
    write_day(database, 1, DAYS[1], traces=TRACES)


def night(day: int, uri: str, boundary: Boundary) -> None:
    """The analysis of the traces since the last one, on the night after a day."""
    analyse(uri, boundary, analyst=GivenAnalyst(entries("empty_answers")), day=day)


def about_earlier_issues(labels: Sequence[str]) -> set[int]:
    """Of the boundaries of a later night those of writes that a first night has of new things only: hypotheses and issues."""
    return {each for each in first_middle_and_last(labels) if any(word in labels[each - 1] for word in LATER)}


def prepare_given_up(template: Path, home: Path) -> None:
    """A store with an analysis that was gone on with in vain as often as one is."""
    with copied_stores(template):
        new_store(home / "mlflow.db")
    uri = f"sqlite:///{home / 'mlflow.db'}"

    def kill_again_and_again() -> None:
        store = InsightStore(connect(uri), now=lambda: INSTANT)
        store.create_analysis(EXPERIMENT, key="a", name="A", run_name="a", analyst="statistical", unattended=True)
        for _ in range(TRIES):
            _take_up(store)

    if in_child(kill_again_and_again) != 0:
        raise AssertionError("the analysis could not be begun")


def give_up(uri: str, boundary: Boundary) -> None:
    """The next run of the scope, as far as it is about what was left unfinished, and what any run reads of the memory then."""
    store = InsightStore(connect(uri), now=lambda: INSTANT, boundary=boundary)
    _take_up(store)
    store.list_analyses(EXPERIMENT)


def _take_up(store: InsightStore) -> None:
    left = store.unfinished(EXPERIMENT, Scope())
    if left is not None:
        Unfinished(store, left.run_id, EXPERIMENT, lambda: INSTANT).take_up()


def every(labels: Sequence[str]) -> set[int]:
    """All boundaries, those before a write too: there are few."""
    return set(range(1, len(labels) + 1))


def analyse(uri: str, boundary: Boundary, *, analyst: Analyst, day: int | None = None) -> None:
    """Goes on with the analysis that is there, or begins one: of all traces, or of those of a day that follows analysed ones."""
    folder = Path(uri.removeprefix("sqlite:///")).parent
    instant = INSTANT if day is None else end_of(day)
    begun = InsightStore(connect(uri), now=lambda: instant).list_analyses(EXPERIMENT)
    resume = begun[0].run_id if len(begun) > (day or 0) else None
    settings = Settings(
        tracking_uri=uri,
        experiment=EXPERIMENT,
        since="last" if day and not resume else None,
        resume=resume,
        unattended=True,
        report=folder / "report.md",
        cache=folder / "cache",
    )
    with make_display("none", sys.stderr) as display:
        run_session(
            settings,
            display=display,
            human=PolicyHuman(),
            stop=StopSignal(),
            now=lambda: instant,
            analyst=analyst,
            boundary=boundary,
        )


SCENARIOS = {
    "first night": Scenario(prepare_first, first_night, first_middle_and_last),
    "second night": Scenario(prepare_second, partial(night, 1), about_earlier_issues),
    "given up": Scenario(prepare_given_up, give_up, every),
}


def main() -> None:
    """Prints one JSON object per trial."""
    name, template, work, shard, shards = sys.argv[1:]
    quicken_stores()
    pool.WIDTH = census.AT_ONCE = portrait.AT_ONCE = side_by_side.AT_ONCE = 1  # two at a time write in either order
    lease.BEAT_S = 3600  # it is renewed as often as an analysis is slow, and a busy machine is that by chance
    mirror.TRACES = 1  # one mark an issue is a write of its kind; each further one would cost the test another kill
    workers.WORKERS = 1  # a second process to copy some dozens of traces would take longer to start than to do it
    scenario, home = SCENARIOS[name], Path(work) / "home"
    with open_nursery() as nursery, quick_workers(nursery):
        scenario.prepare(Path(template), home)
        trials = crash_after_every_write(
            f"sqlite:///{home / 'mlflow.db'}",
            Path(work) / "copies",
            scenario.session,
            choose=scenario.choose,
            shard=(int(shard), int(shards)),
        )
    for trial in trials:
        sys.stdout.write(json.dumps(vars(trial)) + "\n")


if __name__ == "__main__":
    main()
