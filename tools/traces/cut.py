"""A snapshot cut to some of its traces: those that meet a condition, without those that an earlier analysis has counted."""

import hashlib
import os
from collections.abc import Callable, Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from ..errors import QueryError, QueryRefused, UserError
from ..sql.catalog import Catalog
from ..sql.dialect import parse_query, translate
from ..sql.engines.base import Engine
from ..sql.engines.duckdb import DuckDBEngine
from ..sql.guard import check_query
from ..sql.process import LOCAL
from ..sql.service import SqlService

KeptTraces = Callable[[Catalog], Path | None]
"""Given the relations, writes the ids of the traces that stay, and gives the file; None where all stay."""

NO_TRACES = Catalog(experiment_id="", files={}, since_ms=None, until_ms=0)


def condition_sql(condition: str) -> str:
    """The SELECT of the traces that meet a condition.

    Raises:
        UserError: it isn't one condition over the columns of `traces`.
    """
    sql = f"SELECT trace_id FROM traces WHERE (\n{condition}\n)"
    try:
        tree = parse_query(sql)
        if not (isinstance(tree, exp.Select) and isinstance(tree.args["where"].this, exp.Paren) and _is_plain(tree)):
            raise QueryRefused("it is more than one condition.")
        text = translate(check_query(sql))
    except QueryError as error:
        raise UserError(f"The filter {condition!r} is no condition on traces: {error} {_HINT}") from None
    _try(condition, text)
    return sql


def keep_traces(folder: Path, *, condition: str, counted: Collection[str], engine: Engine = LOCAL) -> KeptTraces | None:
    """What cuts a snapshot in this folder; None where there is nothing to cut by.

    Args:
        folder: where the file of ids goes.
        condition: of `traces`, in the Databricks dialect; empty: all.
        counted: traces that are left out.
        engine: what answers for which traces it holds.
    """
    if not condition and not counted:
        return None
    sql = condition_sql(condition) if condition else "SELECT trace_id FROM traces"
    left_out = frozenset(counted)

    def keep(catalog: Catalog) -> Path:
        with SqlService(
            catalog, snapshot_digest="", on_query=lambda _: None, engine=_reaching(catalog, engine), workers=1
        ) as service:
            ids = service.query(f"{sql} ORDER BY trace_id", title="The traces of the scope").table["trace_id"].to_pylist()
        return _write([trace_id for trace_id in ids if trace_id not in left_out], folder)

    return keep


def recent_times(catalog: Catalog, since_ms: int, engine: Engine = LOCAL) -> dict[str, int]:
    """The ms of each trace that began at or after an instant."""
    with SqlService(
        catalog, snapshot_digest="", on_query=lambda _: None, engine=_reaching(catalog, engine), workers=1
    ) as service:
        sql = f"SELECT trace_id, unix_millis(request_time) AS ms FROM traces WHERE unix_millis(request_time) >= {since_ms}"
        table = service.query(sql, title="The last traces").table
    return dict(zip(table["trace_id"].to_pylist(), table["ms"].to_pylist(), strict=True))


_HINT = "Write it as in SQL, over the columns of a trace: tags['env'] = 'prod' AND version <> '3.1'."


def _reaching(catalog: Catalog, engine: Engine) -> Engine:
    """What answers: the engine where the relations are, DuckDB over files that are here."""
    return LOCAL if catalog.there is None else engine


def _is_plain(tree: exp.Select) -> bool:
    return {name for name, value in tree.args.items() if value} <= {"expressions", "from", "from_", "where", "kind"}


def _try(condition: str, text: str) -> None:
    """Runs it over no traces at all, where the engine says at once which column there isn't."""
    import duckdb

    engine = DuckDBEngine(memory_mb=64)
    try:
        engine.open(NO_TRACES)
        for _ in engine.stream(text):
            pass
    except duckdb.Error as error:
        raise UserError(f"The filter {condition!r} is no condition on traces: {str(error).splitlines()[0]}. {_HINT}") from None
    finally:
        engine.close()


def _write(ids: list[str], folder: Path) -> Path:
    """Named by what it holds, so that analyses side by side don't overwrite each other's."""
    path = folder / f"kept-{hashlib.sha256(chr(10).join(ids).encode()).hexdigest()[:16]}.parquet"
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}")
        pq.write_table(pa.table({"trace_id": pa.array(ids, pa.string())}), unfinished)
        unfinished.replace(path)
    return path
