"""The traces of one experiment in MLflow's own tables, whatever the database: what to read, in which order, at one moment."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self, TypeVar

import pyarrow as pa

from ...errors import UserError
from .api import read_spans
from .base import Bound, Headers, Key, RawWindow, WholeTables
from .marks import having, marked, marks_of
from .statements import Dialect, Statement, Statements

Result = TypeVar("Result")


class DatabaseSource(ABC):
    """A `TraceSource` over tables; a database adds how it is reached, and how a statement is sent."""

    dialect: Dialect

    def __init__(self, uri: str, experiment_id: str, *, place: str) -> None:
        """`place` names the store without what is secret in its address."""
        self.uri = uri
        self.place = place
        if not experiment_id.isdecimal():
            raise self._no_experiment(experiment_id)
        self.statements = Statements(self.dialect, int(experiment_id))

    @abstractmethod
    def reading(self, work: Callable[[], Result]) -> Result:
        """Does the work in one transaction that only reads, so that all of it is of one state of the database.

        Raises:
            StoreError: The database refuses; the message says what to do.
        """

    @abstractmethod
    def fetch(self, statement: Statement, most_bytes: int | None = None) -> pa.Table:
        """The result of one statement, within `reading`."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of the store."""

    @property
    def tables(self) -> WholeTables | None:
        """None: a server's rows have no numbers that stay theirs."""
        return None

    @property
    def identity(self) -> str:
        """The store, the experiment with its time of creation, and the revision of MLflow's schema."""
        found = self.reading(lambda: self.fetch(self.statements.experiment())).to_pylist()
        if not found:
            raise self._no_experiment(str(self.statements.experiment_id))
        return json.dumps([self.place, str(self.statements.experiment_id), *found[0].values()])

    def bounds(self, low: Key, high: Key, size: int) -> list[Bound]:
        """The range divided into groups of `size` traces, in order."""
        found = self.reading(lambda: self.fetch(self.statements.bounds(low, high, size))).to_pylist()
        return sorted(Bound(Key(row["timestamp_ms"], row["trace_id"]), row["traces"]) for row in found)

    def sizes(self, low: Key, high: Key) -> list[tuple[Key, int]]:
        """Bytes of span content per trace of the range, in order of key."""
        found = self.reading(lambda: self.fetch(self.statements.sizes(low, high))).to_pylist()
        return sorted((Key(row["timestamp_ms"], row["trace_id"]), row["bytes"]) for row in found)

    def headers(self, low: Key, high: Key) -> Headers:
        """What changes when a trace of the range changes."""
        return self.reading(lambda: self._headers(low, high, self.fetch(self.statements.span_marks(low, high))))

    def count(self, until_ms: int) -> int | None:
        """Nothing: one statement of one state of the database lists them all."""
        return None

    def read(self, low: Key, high: Key, *, most_bytes: int | None = None) -> RawWindow:
        """All rows of the range; spans that are not in the database come through MLflow's API."""

        def rows() -> RawWindow:
            spans = self.fetch(self.statements.spans(low, high), most_bytes)
            return RawWindow(self._headers(low, high, marks_of(spans)), spans)

        window = self.reading(rows)
        excluded, elsewhere = having(window.headers, "excluded"), having(window.headers, "elsewhere")
        if not excluded | elsewhere:
            return window
        kept = [trace_id not in excluded | elsewhere for trace_id in window.spans.column("trace_id").to_pylist()]
        spans, unreadable = read_spans(self.uri, sorted(elsewhere - excluded))
        return RawWindow(window.headers, pa.concat_tables([window.spans.filter(pa.array(kept, pa.bool_())), spans]), unreadable)

    def stop(self) -> None:
        """A process of its own reads, and is ended; so nothing is to be done."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _headers(self, low: Key, high: Key, span_marks: pa.Table) -> Headers:
        said = self.statements
        labels = (said.labels(low, high, table) for table in ("trace_tags", "trace_request_metadata"))
        statements = (said.traces(low, high), *labels, said.assessments(low, high))
        runs = set(self.fetch(said.analysing_runs()).column("run_id").to_pylist())
        traces, tags, metadata, assessments = (self.fetch(statement) for statement in statements)
        return marked(Headers(traces, tags, metadata, assessments, span_marks), runs)

    def _no_experiment(self, experiment_id: str) -> UserError:
        return UserError(f"There is no experiment {experiment_id!r} in {self.place!r}. Name one that is there.")
