"""The queries of one plan: each step shown, its columns held to their contract, and the ids of all that was asked."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import QueryCancelled, QueryError, QueryTimeout
from ..insights.affected import AffectedTraces, said_once
from ..insights.models import Evidence
from ..sql.guard import check_query
from ..sql.service import SqlService
from . import compose
from .plan import Plan, QueryStep

OnStep = Callable[[str, str, int], None]
"""Is told each step when it has run: its title, its SQL, and how many traces of the population it found."""

NOTE_CHARS = 300
"""Characters of a step's note that are kept as the rationale of an evidence entry."""

COLUMNS = {"affected": "trace_id", "exposed": "trace_id", "unreadable": "trace_id", "measure": "trace_id and value"}
"""Per role the columns that a step must have."""


class PlanQueries:
    """Asks what one plan needs to know."""

    def __init__(self, sql: SqlService, plan: Plan, owner: str) -> None:
        self.plan = plan
        self.query_ids: list[str] = []
        self._sql = sql
        self._owner = owner

    def ask(self, sql: str, title: str, *, about: Plan | None = None) -> pa.Table:
        """Answers one query and keeps its id.

        What it shares with other queries of its plan, ours unless it is `about` another, is answered once.
        """
        answer = self._sql.query(sql, title=title, owner=self._owner, parts=compose.parts(about or self.plan))
        if answer.query_id not in self.query_ids:
            self.query_ids.append(answer.query_id)
        return answer.table

    def show_population(self, on_step: OnStep) -> int:
        """Counts the traces that the plan is about."""
        plan = self.plan
        if measure := plan.step("measure"):  # the population of a shift rests on it, and would be blamed for it
            self._require_columns(measure.sql, f"Step {measure.title!r}", COLUMNS["measure"])
        what = f"The population ({plan.population_title})"
        traces = int(self._checked(compose.member_count(plan), what, plan.population, needs="trace_id")["traces"][0].as_py())
        on_step(f"Population: {plan.population_title}", plan.population, traces)
        return traces

    def show_step(self, step: QueryStep, on_step: OnStep) -> None:
        """Counts what a step finds within the population.

        Raises:
            QueryError: it lacks a column of its role, or a measure gives several values for one trace.
        """
        sql, what = compose.step_count(self.plan, step), f"Step {step.title!r}"
        table = self._checked(sql, what, step.sql, needs=COLUMNS[step.role])
        traces = int(table["traces"][0].as_py())
        if step.role == "measure" and int(table["step_values"][0].as_py()) > traces:
            raise QueryError(f"{what} gives several values for one trace; aggregate them to one row a trace.")
        on_step(step.title, step.sql, traces)

    def aligned(self, sql: str, title: str, source: str, *, valued: bool) -> pa.Table:
        """One column of the slice search.

        Raises:
            QueryError: the SELECT lacks a column, or gives several values for one trace.
        """
        table = self._checked(sql, f"Slice column {title!r}", source, needs="trace_id and value" if valued else "trace_id")
        if valued and (pc.call_function("max", [table["step_values"]]).as_py() or 0) > 1:
            raise QueryError(f"Slice column {title!r} gives several values for one trace; aggregate them to one row a trace.")
        return table

    def measured(self, *, by_trace: bool) -> pa.Table:
        """The rows of a shift: cluster, exposed, value.

        Raises:
            QueryError: the values aren't numbers.
        """
        table = self.ask(compose.measured_rows(self.plan, by_trace=by_trace), "Measure by cluster")
        require_numbers(table, "The step with role 'measure'")
        return table

    def evidence(self, plan: Plan, *, seed: int) -> tuple[Evidence, ...]:
        """A few traces for and against `plan`, which is ours or the contrast that decides ours."""
        table = self.ask(compose.evidence_rows(plan, seed=seed), "Traces for and against", about=plan)
        step = plan.step("affected")
        title = step.title if step is not None else ""
        picked: dict[str, Evidence] = {}
        for row in sorted(table.to_pylist(), key=_span_first):
            trace_id, supports = str(row["picked_trace_id"]), row["picked_side"] == "supports"
            if trace_id not in picked:
                found = row.get("trace_id") is not None
                picked[trace_id] = Evidence(
                    trace_id=trace_id,
                    span_id=_text(row.get("span_id")) or None,
                    rationale=(_note(row) or title) if found else f"Not so here: {title}",
                    supports=supports,
                    step=title,
                )
        return tuple(sorted(picked.values(), key=lambda entry: (not entry.supports, entry.trace_id)))

    def affected(self, plan: Plan) -> AffectedTraces:
        """All affected traces of `plan`, one entry a trace, in order of trace id."""
        step = plan.step("affected")
        columns = (
            () if step is None else self.ask(compose.column_names(step.sql), f"Columns of {step.title}", about=plan).column_names
        )
        sql = compose.affected_rows(plan, columns)
        table = self.ask(sql, f"All affected traces of {plan.population_title}", about=plan)
        spans = {"span_id": table["span_id"]} if "span_id" in table.column_names else {}
        return AffectedTraces.of_columns(trace_id=table["trace_id"], note=_notes(table), **spans)

    def _checked(self, sql: str, what: str, source: str, *, needs: str) -> pa.Table:
        """The answer to a query made of a SELECT of the plan; what is wrong with that SELECT is said of it, not of the query."""
        with _blaming(what):
            check_query(source)
            try:
                return self.ask(sql, what)
            except (QueryCancelled, QueryTimeout):
                raise
            except QueryError:
                self._require_columns(source, what, needs)
                raise

    def _require_columns(self, source: str, what: str, needs: str) -> None:
        with _blaming(what):
            check_query(source)
            columns = self.ask(compose.column_names(source), f"Columns of {what}").column_names
            if not all(name in columns for name in needs.split(" and ")):
                raise QueryError(f"it gives the columns {', '.join(columns)}, and needs {needs}.")


@contextmanager
def _blaming(what: str) -> Generator[None]:
    """Puts what a failing query was about in front of its message, once."""
    try:
        yield
    except (QueryCancelled, QueryTimeout):
        raise
    except QueryError as error:
        if str(error).startswith(f"{what}: "):
            raise
        raise type(error)(f"{what}: {error}") from error


def require_numbers(table: pa.Table, what: str) -> None:
    """Raises QueryError where the column `value` holds something else than numbers."""
    kind = table["value"].type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise QueryError(f"{what} gives a value of type {kind}; it needs a number. Cast it, as in CAST(x AS DOUBLE).")


def _span_first(row: dict[str, object]) -> tuple[str, str, str]:
    return str(row.get("picked_trace_id") or row["trace_id"]), _text(row.get("span_id")), _note(row)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _note(row: dict[str, object]) -> str:
    """What a step says of a row; a measure is said with its value."""
    return _said_note(row.get("note")) or _said_value(row.get("value"))


def _notes(table: pa.Table) -> pa.ChunkedArray:
    """The same of all rows, said once of those that are alike."""
    notes = [
        said_once(table[name], say) for name, say in (("note", _said_note), ("value", _said_value)) if name in table.column_names
    ]
    if len(notes) < 2:
        return notes[0] if notes else pa.chunked_array([pa.array([""] * table.num_rows, pa.string())])
    said, valued = notes
    return pc.call_function("if_else", [pc.call_function("equal", [said, pa.scalar("")]), valued, said])


def _said_note(note: object) -> str:
    return " ".join(_text(note).split())[:NOTE_CHARS]


def _said_value(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, int | float) else ""
