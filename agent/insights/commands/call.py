"""What a verb on the command line works with: settings, the memory, and where results and notes go."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from pydantic import BaseModel

from ....graph.ports import Event
from ....tools.errors import UserError
from ....tools.file_store import is_file_store, migration_advice
from ....tools.links import Pages
from ....tools.sql.engines.base import Engine
from ...display import OpenDisplay, make_display
from ...printable import printable
from ...result import print_table
from ...settings import Resolved, load_settings
from ...streams import forgiving, strays_to
from ..opened import Insights, open_insights
from .texts import TraceLink

RUN_KEY = "INSIGHTS_RUN_ID"
"""The key, in the environment or the env file, of the analysis that verbs are about."""
TAKEN = ("tracking_uri", "env_file", "ui_url", "debug", "cache", "engine", "spark_remote", "spark_files")
"""Options that are settings of the same name."""


class Call:
    """One verb being carried out; a context manager, because a bar of progress may be shown meanwhile."""

    def __init__(self, resolved: Resolved, *, as_json: bool, out: TextIO, err: TextIO) -> None:
        """`out` takes the result, `err` notes and progress."""
        self.as_json = as_json
        self.exit_code = 0
        self._resolved = resolved
        self._out, self._err = out, err
        self._open, self._bars = ExitStack(), ExitStack()
        self._display: OpenDisplay | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From the options of a verb, the environment and the env file.

        Raises:
            UserError: a setting can't be understood, or the env file can't be read.
        """
        flags = {name: given[name] for name in TAKEN if given.get(name)}
        if given.get("experiment_id"):
            flags["experiment"] = given["experiment_id"]
        resolved = load_settings(flags, os.environ, Path.cwd())
        for key, value in resolved.passed_on.items():
            os.environ.setdefault(key, value)
        return cls(resolved, as_json=given["output"] == "json", out=forgiving(sys.stdout), err=forgiving(sys.stderr))

    @cached_property
    def insights(self) -> Insights:
        """The memory; opened when it is first asked for.

        Raises:
            UserError: nobody said where it is.
            StoreError: it can't be opened.
        """
        settings = self._resolved.settings
        if settings.tracking_uri is None:
            raise UserError(
                "No MLflow store is given: say --tracking-uri sqlite:////path/to/mlflow.db (or set MLFLOW_TRACKING_URI, "
                "here or in an env file)."
            )
        opened = open_insights(
            settings.tracking_uri,
            cache=settings.cache,
            ui_url=settings.ui_url,
            progress=self._show_progress,
            tell=self._tell,
            mirror=not settings.no_mirror,
            engine=lambda: self._engine,
        )
        if is_file_store(opened.store.tracking.uri):
            self.note(migration_advice(opened.store.tracking.uri))
        return opened

    @cached_property
    def _engine(self) -> Engine:
        """Where queries run; tried when the first is asked."""
        from ...engines import chosen_engine

        return chosen_engine(self._resolved.settings)

    @property
    def cache(self) -> Path:
        """The folder of the copies of traces."""
        return self._resolved.settings.cache

    @property
    def pages(self) -> Pages:
        """Where a person finds things in MLflow's pages."""
        return Pages.of(self.insights.ui_url, self.insights.store.tracking.uri)

    @property
    def experiment(self) -> str:
        """The experiment that was named, by id or name.

        Raises:
            UserError: none was.
        """
        named = self.experiment_if_named
        if named is None:
            raise UserError("No experiment is given: say --experiment-id (or set MLFLOW_EXPERIMENT_ID).")
        return named

    @property
    def experiment_if_named(self) -> str | None:
        """The experiment that was named, by id or name, if one was."""
        return self._resolved.settings.experiment

    def run(self, flag: str | None) -> str:
        """The analysis that was named.

        Raises:
            UserError: none was.
        """
        named = self.run_if_named(flag)
        if named is None:
            raise UserError(f"No analysis is given: say --run-id (or set {RUN_KEY}). list-analyses lists them.")
        return named

    def run_if_named(self, flag: str | None) -> str | None:
        """The analysis that was named by option, environment or env file, if one was."""
        return (flag or os.environ.get(RUN_KEY, "")).strip() or None

    def trace_link(self, run_id: str) -> TraceLink:
        """Where the traces of an analysis are seen; asks the memory for its experiment only where pages are known."""
        pages = self.pages
        if pages.base is None:
            return lambda trace_id, span_id: None
        experiment_id = self.insights.store.get_analysis(run_id).experiment_id
        return lambda trace_id, span_id: pages.trace(experiment_id, trace_id)

    def note(self, text: str) -> None:
        """Tells something that isn't the result; nothing where the text is empty."""
        if text:
            shown = self._display or make_display("json" if self.as_json else "plain", self._err)
            shown.show(Event("note", text, step="note"))

    def show(self, value: object, lines: Iterable[str]) -> None:
        """The result: as JSON, or the lines for a person."""
        self._take_bars_away()
        if self.as_json:
            self._out.write(json.dumps(_plain(value), indent=2, default=str) + "\n")
            return
        for line in lines:
            self._out.write(printable(line) + "\n")

    def say(self, text: str) -> None:
        """Says something before the result; beside it, where that is for a program."""
        self._take_bars_away()
        stream = self._err if self.as_json else self._out
        for line in text.split("\n"):
            stream.write(printable(line) + "\n")

    def ask(self, question: str) -> str | None:
        """What a person, or a script on stdin, answers, in small letters; None where there is no more."""
        stream = self._err if self.as_json else self._out
        stream.write(question)
        stream.flush()
        line = sys.stdin.readline()
        if not sys.stdin.isatty():
            stream.write("\n")
        return line.strip().lower() if line else None

    def show_table(self, value: object, head: Sequence[str], rows: Sequence[Sequence[str]], *, none: str) -> None:
        """The result: as JSON, or as a table; `none` says that there are no rows."""
        if self.as_json or not rows:
            self.show(value, [none])
            return
        self._take_bars_away()
        print_table(head, rows, self._out)

    def __enter__(self) -> Self:
        self._open.enter_context(strays_to(self.note))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._take_bars_away()
        self._open.close()

    def _take_bars_away(self) -> None:
        """Leaves the terminal to what is printed next."""
        self._bars.close()
        self._display = None

    def _tell(self, text: str) -> None:
        for line in text.splitlines():
            self._shown.show(Event("note", line, step="test"))

    def _show_progress(self, text: str, done: int, total: int) -> None:
        """A bar with the time left on a terminal, lines elsewhere; it appears when there is something to wait for."""
        self._shown.show(Event("progress", text, step="traces", done=done, total=total))

    @property
    def _shown(self) -> OpenDisplay:
        if self._display is None:
            manner = "json" if self.as_json else "rich" if self._err.isatty() else "plain"
            self._display = self._bars.enter_context(make_display(manner, self._err))
        return self._display


def _plain(value: object) -> object:
    """JSON values under keys that stay: those of the documents."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude={"ops"})
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
