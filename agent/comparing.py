"""Attends to a comparison: the sides are found, the snapshot that holds both is taken, and the outcome is printed."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..graph.ports import Event
from ..tools.comparing.compare import Comparison, compare
from ..tools.comparing.measures import figure_measures, issue_measures
from ..tools.comparing.report import to_document, to_markdown
from ..tools.comparing.sides import Side, analysed, disjoint, valued, window
from ..tools.errors import UserError
from ..tools.insights.models import Severity, SnapshotRecord
from ..tools.insights.store import InsightStore
from ..tools.instants import utc_now
from ..tools.sql.engines.base import PUBLISHING, Engine
from ..tools.sql.service import SqlService
from ..tools.traces.snapshot import OTHERS_COPY, Snapshot, take_snapshot
from ..tools.tracking import connect, find_experiment
from ..tools.workbench import open_unrecorded
from .display import OpenDisplay, make_display
from .engines import chosen_engine
from .failure import Manner
from .result import print_json
from .settings import Settings, load_settings
from .streams import forgiving, strays_to

REGRESSION = 3
"""The exit code where side B is worse in something as severe as was asked."""
OWN = ("a", "b", "by", "since", "until", "fail_on_regression")
"""Options that are no settings of an analysis."""


@dataclass(frozen=True)
class Request:
    """What is compared: two runs, two values of `by`, or two windows."""

    a: str | None
    b: str | None
    by: str | None
    windows: tuple[tuple[datetime | None, datetime | None], ...]
    fail_on: Severity | None


@dataclass(frozen=True)
class Scope:
    """The experiment, and a window that holds all traces of both sides."""

    experiment_id: str
    instant: datetime
    since: datetime | None = None
    until: datetime | None = None


def launch_comparison(params: Mapping[str, object], *, manner: Manner) -> int:
    """Does what the options say.

    Returns:
        The exit code: 3 where side B is worse in something as severe as `--fail-on-regression` asks.

    Raises:
        AnalyzeError: it can't be done.
    """
    flags = {name: value for name, value in params.items() if name not in OWN}
    resolved = load_settings(flags, os.environ, Path.cwd())
    manner.as_json, manner.debug = resolved.settings.output == "json", resolved.settings.debug
    request = _request(params, flags)
    for key, value in resolved.passed_on.items():
        os.environ.setdefault(key, value)
    if resolved.settings.tracking_uri is None:
        raise UserError("No MLflow store is given: say --tracking-uri sqlite:////path/to/mlflow.db (or set MLFLOW_TRACKING_URI).")
    found = _attend(resolved.settings, request)
    code = REGRESSION if request.fail_on is not None and found.regressions(request.fail_on) else 0
    _print(found, resolved.settings, code)
    return code


def _attend(settings: Settings, request: Request) -> Comparison:
    kind = settings.output or ("rich" if sys.stderr.isatty() else "plain")
    with make_display(kind, sys.stderr) as display, strays_to(lambda text: display.show(Event("note", text, step="compare"))):
        store = InsightStore(connect(settings.tracking_uri or ""))
        scope = _scope(store, settings, request)
        engine = chosen_engine(settings)
        snapshot = _snapshot(settings, scope, display, engine)
        engine.publish(
            snapshot.catalog,
            lambda done, total: display.show(Event("progress", PUBLISHING, step="compare", done=done, total=total)),
        )
        with open_unrecorded(snapshot, digest=snapshot.record.digest, engine=engine) as (sql, cluster_key):
            a, b = _sides(store, sql, request)
            issues = store.list_issues(scope.experiment_id)
            measures = [*issue_measures(issues), *figure_measures(sql, issues)]
            return compare(
                sql,
                disjoint(sql, a, b),
                measures,
                cluster_key=cluster_key,
                seed=settings.seed,
                progress=lambda done, total: display.show(Event("progress", "comparing", step="compare", done=done, total=total)),
            )


def _request(params: Mapping[str, object], flags: Mapping[str, object]) -> Request:
    a, b, by = (str(params[name]) if params.get(name) else None for name in ("a", "b", "by"))
    since, until = _times(params.get("since")), _times(params.get("until"))
    fail_on = str(params["fail_on_regression"]).upper() if params.get("fail_on_regression") else None
    if a is None and by is None and len(since) == len(until) == 2:
        windows = tuple(_window(flags, *pair) for pair in zip(since, until, strict=True))
    elif a is not None and b is not None and (by is not None or not since and not until) and max(len(since), len(until)) <= 1:
        windows = (_window(flags, next(iter(since), None), next(iter(until), None)),)
    else:
        raise UserError(
            "Say what is compared: two run ids; two values with --by version, --by model or --by tag:KEY, where --since and "
            "--until may narrow both; or two windows with --since and --until twice each."
        )
    return Request(a, b, by, windows, Severity(fail_on) if fail_on else None)


def _times(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


def _window(flags: Mapping[str, object], since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """The instants, read as an analysis reads them."""
    times = {name: text for name, text in (("since", since), ("until", until)) if text is not None}
    settings = load_settings({**flags, **times}, os.environ, Path.cwd()).settings
    if settings.since == "last":
        raise UserError("A window that is compared begins at a time: say --since 7d or a date, not last.")
    return settings.since, settings.until


def _scope(store: InsightStore, settings: Settings, request: Request) -> Scope:
    if request.by is None and request.a and request.b:
        return _scope_of_runs(store, request.a, request.b)
    if settings.experiment is None:
        raise UserError("No experiment is given: say --experiment (or set MLFLOW_EXPERIMENT_ID).")
    experiment = find_experiment(store.tracking, settings.experiment).experiment_id
    starts, ends = zip(*request.windows, strict=True)
    since = None if None in starts else min(each for each in starts if each)
    until = None if None in ends else max(each for each in ends if each)
    return Scope(experiment, utc_now(), since, until)


def _scope_of_runs(store: InsightStore, *runs: str) -> Scope:
    """The window that holds all traces of both analyses."""
    experiments = {store.get_analysis(run).experiment_id for run in runs}
    if len(experiments) > 1:
        raise UserError(f"The analyses are of different experiments ({', '.join(sorted(experiments))}): compare two of the same.")
    records = [_recorded(store, run) for run in runs]
    starts = [record.since for record in records]
    since = None if None in starts else min(each for each in starts if each)
    return Scope(experiments.pop(), max(record.instant for record in records), since)


def _recorded(store: InsightStore, run_id: str) -> SnapshotRecord:
    record = store.read_snapshot(run_id)
    if record is None:
        raise UserError(f"Analysis {run_id!r} has no snapshot: it was stopped before it looked at any trace, or driven by hand.")
    return record


def _snapshot(settings: Settings, scope: Scope, display: OpenDisplay, engine: Engine) -> Snapshot:
    snapshot = take_snapshot(
        settings.tracking_uri or "",
        scope.experiment_id,
        instant=scope.instant,
        since=scope.since,
        until=scope.until,
        cache=settings.cache,
        engine=engine,
        waiting=lambda: display.show(Event("note", OTHERS_COPY, step="compare")),
        progress=lambda done, total: display.show(Event("progress", "copying traces", step="compare", done=done, total=total)),
    )
    if not snapshot.record.traces:
        raise UserError(f"Experiment {scope.experiment_id!r} has no traces there: widen --since and --until.")
    return snapshot


def _sides(store: InsightStore, sql: SqlService, request: Request) -> tuple[Side, Side]:
    if request.by is not None:
        return valued(sql, request.by, request.a or ""), valued(sql, request.by, request.b or "")
    if request.a and request.b:
        a, b = (analysed(f"analysis {run[:8]}", _recorded(store, run)) for run in (request.a, request.b))
        return a, b
    a, b = (window(_label(*each), *each) for each in request.windows)
    return a, b


def _label(since: datetime | None, until: datetime | None) -> str:
    return f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}"


def _print(found: Comparison, settings: Settings, code: int) -> None:
    stdout, text = forgiving(sys.stdout), to_markdown(found)
    if settings.report is not None:
        try:
            settings.report.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"The report can't be written to {str(settings.report)!r} ({error.strerror}).") from error
    if settings.output == "json":
        print_json({"event": "result", **to_document(found), "exit_code": code}, stdout)
    else:
        stdout.write(text)
