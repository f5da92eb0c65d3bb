"""The traces of one experiment that Databricks keeps in Unity Catalog, by SQL that a warehouse carries out.

UNVERIFIED: held against the documented shapes only (tests/tools/traces/test_databricks_source.py); nobody has run it there yet.

An experiment with a Unity Catalog location has a view `<catalog>.<schema>.<prefix>_trace_unified`, which MLflow maintains over
its OpenTelemetry tables: one row a trace, with maps of tags and metadata and lists of spans and assessments. Nested columns are
asked for as JSON and read field by field, because Databricks says that the schemas below may change. The ids of traces in the
view are those of OpenTelemetry; MLflow writes them `trace:/<catalog>.<schema>.<prefix>/<id>`, and so does the copy.
"""

import importlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

import pyarrow as pa

from ...errors import StoreError, UserError
from ...mlflow_calls import ask
from ...tracking import WAREHOUSE, import_mlflow
from .base import Bound, Headers, Key, Oversized, RawWindow
from .databricks_rows import CONTENT, HEADER_COLUMNS, Row, TraceView

WITHIN = "(ms > {low.timestamp_ms} OR trace_id >= {low_id}) AND (ms < {high.timestamp_ms} OR trace_id < {high_id})"
BOUNDS = """SELECT max(CASE WHEN place = 0 THEN ms END) AS ms, max(CASE WHEN place = 0 THEN trace_id END) AS trace_id,
    count(*) AS traces
FROM (SELECT ms, trace_id, number, number % {size} AS place
    FROM (SELECT ms, trace_id, row_number() OVER (ORDER BY ms, trace_id) - 1 AS number FROM ({scope}) WHERE {within}))
GROUP BY number - place"""
SIZES = "SELECT ms, trace_id, length(to_json(spans)) AS bytes FROM ({scope}) WHERE {within}"
HEADERS = f"SELECT {HEADER_COLUMNS} FROM ({{scope}}) WHERE {{within}}"
SPANS = f"SELECT trace_id, {CONTENT} FROM ({{scope}}) WHERE {{within}}"


class Warehouse(Protocol):
    """What carries out one SELECT."""

    def __call__(self, statement: str, /) -> Sequence[Row]:
        """The rows of its result, by the names of its columns."""
        ...


class DatabricksSource:
    """A `TraceSource` over the view of an experiment's traces."""

    def __init__(self, uri: str, experiment_id: str, *, location: str | None = None, warehouse: Warehouse | None = None) -> None:
        """Where location and warehouse aren't given, MLflow and the environment tell them.

        Args:
            uri: `databricks`, or `databricks://profile`.
            experiment_id: The experiment.
            location: Catalog, schema and table prefix of its traces, with dots.
            warehouse: Carries out its statements.

        Raises:
            UserError: The experiment has no location in Unity Catalog, or the connector isn't installed.
        """
        self.uri = uri
        self.view = TraceView(location or location_of(uri, experiment_id), experiment_id)
        self.query = warehouse or connected(uri)

    @property
    def tables(self) -> None:
        """None: they can't be reached."""
        return

    @property
    def identity(self) -> str:
        """Where the traces are, and the experiment."""
        return json.dumps(["databricks", self.view.location, self.view.experiment_id])

    def bounds(self, low: Key, high: Key, size: int) -> list[Bound]:
        """The range divided into groups of `size` traces, in order."""
        return sorted(Bound(self._key(row), int(row["traces"])) for row in self._rows(BOUNDS, low, high, size=size))

    def sizes(self, low: Key, high: Key) -> list[tuple[Key, int]]:
        """Bytes of span content per trace of the range, in order of key."""
        return sorted((self._key(row), int(row["bytes"] or 0)) for row in self._rows(SIZES, low, high))

    def count(self, until_ms: int) -> int | None:
        """Nothing: the view lists and counts in the same way."""
        return None

    def headers(self, low: Key, high: Key) -> Headers:
        """What changes when a trace of the range changes."""
        return self.view.headers(self._rows(HEADERS, low, high))

    def read(self, low: Key, high: Key, *, most_bytes: int | None = None) -> RawWindow:
        """All rows of the range; the view is of several moments, so what changes meanwhile is copied again next time."""
        if most_bytes is not None and sum(size for _, size in self.sizes(low, high)) > most_bytes:
            raise Oversized
        return self.view.window(self.headers(low, high), self._rows(SPANS, low, high))

    def stop(self) -> None:
        """A statement under way is waited for; so nothing is to be done."""
        return

    def close(self) -> None:
        """The connection ends with the process."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, statement: str, low: Key, high: Key, **values: int) -> Sequence[Row]:
        scope = self.view.scope(low.timestamp_ms, high.timestamp_ms)
        ids = {"low_id": quoted(self.view.short(low.trace_id)), "high_id": quoted(self.view.short(high.trace_id))}
        return self.query(statement.format(scope=scope, within=WITHIN.format(low=low, high=high, **ids), **values))

    def _key(self, row: Row) -> Key:
        return Key(int(row["ms"]), self.view.full(row["trace_id"]))


def quoted(text: str) -> str:
    """A text in quotes: an id has none of the characters that would have to be escaped."""
    if "'" in text or "\\" in text:
        raise StoreError(f"The trace id {text!r} has characters that no id has.")
    return f"'{text}'"


def location_of(uri: str, experiment_id: str) -> str:
    """Catalog, schema and table prefix of an experiment's traces.

    Raises:
        UserError: It keeps them elsewhere.
    """
    import_mlflow()
    from mlflow import MlflowClient

    found = ask(f"look up experiment {experiment_id!r}", lambda: MlflowClient(uri).get_experiment(experiment_id))
    if found.trace_location is None:
        raise UserError(
            f"Experiment {experiment_id!r} keeps its traces outside of Unity Catalog: give it a trace location there "
            "(mlflow.set_experiment(trace_location=UnityCatalog(...))), so that a SQL warehouse can read them."
        )
    return str(found.trace_location.full_table_prefix)


def connected(uri: str) -> Warehouse:
    """The warehouse that `tracking.connect` has seen named, for whoever MLflow's credentials are of.

    Raises:
        UserError: The connector isn't installed.
        StoreError: The warehouse can't be reached.
    """
    try:
        sql = importlib.import_module("databricks.sql")
    except ModuleNotFoundError as error:
        raise UserError(
            f"Databricks needs a connector that isn't installed here: pip install 'analyze-experiment[databricks]'. ({error})"
        ) from error
    from mlflow.utils.databricks_utils import get_databricks_host_creds

    credentials = ask("find the credentials for Databricks", lambda: get_databricks_host_creds(uri))
    host, path = (
        str(credentials.host).removeprefix("https://").rstrip("/"),
        f"/sql/1.0/warehouses/{os.environ[WAREHOUSE].strip()}",
    )

    def open_connection() -> Any:
        return sql.connect(server_hostname=host, http_path=path, access_token=credentials.token)

    connection = answered("connect", sql.Error, open_connection)

    def query(statement: str, /) -> Sequence[Row]:
        def rows() -> Sequence[Row]:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                result: pa.Table = cursor.fetchall_arrow()
                return result.to_pylist()

        return answered("read the traces", sql.Error, rows)

    return query


def answered(what: str, failure: type[Exception], call: Callable[[], Any]) -> Any:
    """What the warehouse answers.

    Raises:
        StoreError: It refuses, or doesn't answer.
    """
    try:
        return call()
    except (failure, OSError) as error:
        reason = " ".join(str(error).split())[:500]
        raise StoreError(
            f"The SQL warehouse could not {what}. Check {WAREHOUSE}, that it runs, and who may read the tables. ({reason})"
        ) from error
