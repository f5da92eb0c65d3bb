"""SQL by hand, over the copy of the traces; the traces that a result names are linked before it is shown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .benches import open_sql
from .opened import Insights
from .traces import place_of

TITLE = "By hand"
MAX_ROWS = 1000
TEXT_CHARS = 80
"""A longer value is taken for what somebody said, not for a name or a state."""
TRACE_ID = re.compile(r"(?:tr-[0-9a-f]{32}|trace:/[\w./-]+)")
UNNAMED = "These rows show texts and name no trace, so none is linked: select trace_id too wherever you look at what traces say."


@dataclass(frozen=True)
class Answer:
    """The rows of a query, as far as they are shown."""

    query_id: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    """At most as many as were asked for."""
    row_count: int
    """How many there are."""
    linked: int
    """Traces that the shown rows name and that are linked to the analysis."""

    @property
    def shows_unnamed_texts(self) -> bool:
        """Whether texts are shown of traces that nothing names, so that looking at them leaves no link."""
        return shows_unnamed_texts(self.rows)


def execute_sql(
    insights: Insights,
    *,
    sql: str,
    experiment_id: str | None = None,
    link_to: str | None = None,
    max_rows: int = MAX_ROWS,
) -> Answer:
    """Answers one SELECT in the Databricks dialect over `traces`, `spans` and `assessments`.

    With an analysis it is answered over the traces that the analysis is about, and kept there with a digest of its result.

    Args:
        insights: The memory.
        sql: The SELECT.
        experiment_id: Whose traces, by id or name; those of the analysis where it isn't given.
        link_to: The analysis that the traces named in the shown rows are linked to.
        max_rows: Rows that are shown.

    Raises:
        UserError: no experiment, or no such analysis.
        QueryError: the query is refused, takes too long, or can't be answered.
        StoreError: the traces can't be copied.
    """
    store = insights.store
    place = place_of(insights, experiment_id, link_to)
    analysis = store.get_analysis(link_to) if link_to else None
    with open_sql(insights, place, analysis) as service:
        result = service.query(sql, title=TITLE)
    rows: list[dict[str, Any]] = result.table.slice(0, max_rows).to_pylist(maps_as_pydicts="lossy")
    linked = 0
    if link_to:
        named = store.reader.existing(named_traces(rows), experiment_id=place)
        store.reader.link_existing(link_to, named)
        linked = len(named)
    return Answer(result.query_id, tuple(result.table.column_names), rows, result.table.num_rows, linked)


def shows_unnamed_texts(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether rows show texts of traces and name none of them (`UNNAMED` says what to do about it)."""
    texts = any(isinstance(value, str) and len(value) >= TEXT_CHARS for row in rows for value in row.values())
    return texts and not named_traces(rows)


def named_traces(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Whatever in the rows looks like the id of a trace."""
    return set(_trace_ids(rows))


def _trace_ids(value: object) -> Iterator[str]:
    """Whatever looks like a trace's id, however deep it stands."""
    if isinstance(value, str):
        yield from TRACE_ID.findall(value) if len(value) < 200 else ()
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from [str(each)] if name == "trace_id" and each else _trace_ids(each)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for each in value:
            yield from _trace_ids(each)
