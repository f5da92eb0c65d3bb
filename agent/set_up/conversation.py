"""The set-up itself: way, connection, experiment, five traces, env file. Each failure says what to change, and is asked again.

Nothing is created by looking: the store is opened by `tools/tracking.connect`, which makes and migrates nothing.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from ...tools.database import scheme_of
from ...tools.databricks import count_experiments
from ...tools.errors import AnalyzeError, PersonNeeded, Stopped, UserError
from ...tools.first_look import experiments_named, sample_traces
from ...tools.tracking import Experiment, Tracking, connect, find_experiment, list_experiments
from ..asking import find_candidates
from ..printable import one_line
from .env_file import add_to_env_file, as_lines, write_env_file
from .ways import URI, WAYS, Asks, Way

DATABRICKS = "databricks"
EXPERIMENT_KEY = "MLFLOW_EXPERIMENT_ID"
LISTED = 10
"""Experiments that are listed at first, as the workflow has it."""
TRIED = 5
"""Traces that are read to see whether it works."""


@dataclass(frozen=True)
class SetUp:
    """What the conversation came to."""

    tracking_uri: str
    experiment_id: str
    env_file: Path | None


def set_up(person: Asks, cwd: Path, environ: MutableMapping[str, str], *, wanted: str | None = None) -> SetUp:
    """Asks until a store is open, an experiment with traces chosen, and the settings kept.

    Args:
        person: Who answers.
        cwd: Where env files are looked for and written.
        environ: The environment; MLflow reads from it what the store needs.
        wanted: The experiment, id or name, where that was said already.

    Raises:
        PersonNeeded: the input ended.
        Stopped: a stop was asked for.
    """
    person.say("No MLflow store is set up here. A few questions, and it is; Ctrl-C leaves, nothing is made by looking.", "")
    way, tracking = _open(person, cwd, environ)
    experiment = _wanted(person, tracking, wanted) or _choose(person, tracking)
    kept = _keep(person, cwd, way, experiment)
    return SetUp(way.uri, experiment.experiment_id, kept)


def _open(person: Asks, cwd: Path, environ: MutableMapping[str, str]) -> tuple[Way, Tracking]:
    """The way that the person chose, and the store that it leads to."""
    while True:
        person.say("How do you authenticate to MLflow?", *(f"  {place}  {what}" for place, (what, _) in enumerate(WAYS, start=1)))
        text = person.ask(f"1 to {len(WAYS)}:")
        if not text.isdecimal() or not 0 < int(text) <= len(WAYS):
            person.say(f"{one_line(text)!r} is none of these.", "")
            continue
        try:
            way = WAYS[int(text) - 1][1](person, cwd, environ)
            if way is not None:
                return way, _connected(person, way, environ)
        except (PersonNeeded, Stopped):
            raise
        except AnalyzeError as error:
            person.say(one_line(str(error)), "")


def _connected(person: Asks, way: Way, environ: MutableMapping[str, str]) -> Tracking:
    """The open store. What it needs is in the environment meanwhile, and stays there only if it leads to one."""
    added = {key: value for key, value in way.values.items() if key != URI and key not in environ}
    environ.update(added)
    try:
        if scheme_of(way.uri) == DATABRICKS:
            found = count_experiments(way.uri)
            person.say(f"Databricks answers, and lists {found}{' experiments' if found != 1 else ' experiment'}.")
        return connect(way.uri)
    except BaseException:
        for key in added:
            environ.pop(key, None)
        raise


def _wanted(person: Asks, tracking: Tracking, wanted: str | None) -> Experiment | None:
    """The experiment that was said already, if it is there and has traces."""
    if wanted is None:
        return None
    try:
        found = find_experiment(tracking, wanted)
    except UserError as error:
        person.say(one_line(str(error)))
        return None
    return found if _has_readable_traces(person, tracking, found) else None


def _choose(person: Asks, tracking: Tracking) -> Experiment:
    """An experiment that has traces which can be read."""
    known = list_experiments(tracking)
    person.say(f"It answers: {len(known):,} experiment{'' if len(known) == 1 else 's'}.")
    shown = known[:LISTED]
    while True:
        person.say(*(f"  {place:>2}  {each.name}  id {each.experiment_id}" for place, each in enumerate(shown, start=1)))
        if len(known) > len(shown):
            person.say("  ... type a part of a name to find others")
        text = person.ask("Number, name, a part of the name, or 'id N':")
        if not text:
            continue
        found = _found(tracking, text, shown, known)
        if len(found) != 1:
            person.say(f"{len(found) or 'No'} experiment{'s fit' if len(found) != 1 else ' fits'} {one_line(text)!r}.")
            shown = found[:LISTED] or shown
        elif _has_readable_traces(person, tracking, found[0]):
            return found[0]


def _found(tracking: Tracking, text: str, shown: list[Experiment], known: list[Experiment]) -> list[Experiment]:
    """By number or name among those on the screen, else by id, name or a part of it among all."""
    by_id = {each.experiment_id: each for each in known}
    on_screen = find_candidates(text, [(each.experiment_id, each.name) for each in shown])
    if len(on_screen) == 1:
        return [by_id[on_screen[0][0]]]
    exact = [each for each in known if text in {each.experiment_id, each.name, f"id {each.experiment_id}"}]
    return exact[:1] or experiments_named(tracking, text)


def _has_readable_traces(person: Asks, tracking: Tracking, experiment: Experiment) -> bool:
    """Tries to read a few traces, and says what it saw; their texts stay unread."""
    try:
        seen = sample_traces(tracking, experiment.experiment_id, limit=TRIED)
    except AnalyzeError as error:
        person.say(f"{experiment.name!r}: its traces can't be read. {one_line(str(error))}", "Choose another.")
        return False
    if not seen.traces:
        person.say(f"{one_line(experiment.name)!r} has no traces: choose another, or log some first.")
        return False
    states = ", ".join(f"{count} {state}" for state, count in sorted(seen.states.items()))
    person.say(
        f"{one_line(experiment.name)!r} (id {experiment.experiment_id}): read the newest {seen.traces} traces with "
        f"{seen.spans} spans ({states}), the newest of {seen.newest:%Y-%m-%d %H:%M} UTC."
    )
    return True


def _keep(person: Asks, cwd: Path, way: Way, experiment: Experiment) -> Path | None:
    """Keeps the settings in an env file: the given one gets a line, a new one is written for its owner alone."""
    chosen = {EXPERIMENT_KEY: experiment.experiment_id}
    if way.file is not None:
        if EXPERIMENT_KEY not in way.values:
            add_to_env_file(way.file, chosen)
            person.say(f"Added to {way.file}:", *(f"  {line}" for line in as_lines(chosen)), "")
        return way.file
    values = chosen if way.given else {**way.values, **chosen}
    default = ".env" if not (cwd / ".env").exists() else "mlflow.env"
    while True:
        name = person.ask(f"Keep this in an env file? Enter for {default!r}, another name, or 'no':")
        if name.lower() in {"n", "no"}:
            return None
        path = cwd / Path(name or default).expanduser()
        try:
            write_env_file(path, values)
        except UserError as error:
            person.say(str(error))
            continue
        person.say(f"Wrote {path} (only you can read it):", *(f"  {line}" for line in as_lines(values, masked=True)))
        person.say(
            "It is found by itself in this folder." if path.name == ".env" else f"Next time: --env-file {name or default}", ""
        )
        return path
