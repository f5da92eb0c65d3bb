"""Why an issue occurs, as far as counting says (method: Cause).

- confirmed: a mechanism that is visible in the spans of at least 95% of the affected and at most 1% of the other traces;
- supported: a circumstance that goes with it among traces of the same version, first tool and days, in no stratum the other way
  round. Of several circumstances each is tried at its part of 5%, and one counts that accounts for a quarter of the affected;
- suspected: everything else.

Even a supported cause is an association: what else differs isn't known.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..census.literals import quote
from ..insights.affected import AffectedTrace
from ..insights.models import Cause, Cell, Hypothesis
from ..sql.intermediate import nested
from ..sql.service import SqlService
from .execute import PlanExecutor
from .mechanism import find_mechanism
from .plan import Plan, Read
from .slice_plan import MODEL
from .strata import WithinStrata

LEVEL = 0.05
LEAST_PART = 0.25
"""The least part of the affected that a circumstance must account for, to be named as what is behind them."""
MOST_OF_A_KIND = 4
"""Versions, models and messages that are tried: the commonest."""
DEFINED_BY_ERRORS = re.compile(r"\b(error_text|status_code|status_message|silent_error|silent_error_count|error_span_count)\b")
"""Fields by which an affected step may say what failed: a message of theirs would only say again what was counted."""

CIRCUMSTANCES = """
WITH members AS (SELECT DISTINCT p.trace_id FROM {population} AS p),
messages AS (
  SELECT DISTINCT s.trace_id, s.name, regexp_replace(substring(s.error_text, 1, 120), '[0-9]+', '#') AS value
  FROM spans AS s JOIN members AS m ON m.trace_id = s.trace_id WHERE s.error_text IS NOT NULL),
circumstances AS (
  SELECT 'version' AS kind, '' AS name, t.version AS value, t.trace_id FROM traces AS t
  JOIN members AS m ON m.trace_id = t.trace_id WHERE t.version IS NOT NULL
  UNION ALL
  SELECT 'model', '', c.value, c.trace_id FROM {model} AS c JOIN members AS m ON m.trace_id = c.trace_id
  UNION ALL
  SELECT 'message', name, value, trace_id FROM messages)
SELECT kind, name, value, count(*) AS traces, (SELECT count(*) FROM members) AS population
FROM circumstances GROUP BY kind, name, value ORDER BY kind, traces DESC, name, value
"""


class Mark(NamedTuple):
    """A circumstance that may lie behind an issue: in words, and as a SELECT of the traces that have it."""

    title: str
    sql: str


class CauseFinder:
    """Looks for the cause of validated hypotheses over one snapshot."""

    def __init__(self, sql: SqlService, executor: PlanExecutor) -> None:
        self._sql = sql
        self._executor = executor

    def find(
        self, hypothesis: Hypothesis, affected: Sequence[AffectedTrace], *, suspected: str, cell: Cell | None = None
    ) -> Cause:
        """The cause of a validated hypothesis, or of one cell of its slice search.

        Args:
            hypothesis: What was validated.
            affected: Its affected traces.
            suspected: What is behind it as far as anybody guesses, in sentences.
            cell: The cell of a slice search.

        Raises:
            QueryError: a step fails.
        """
        plan, owner = hypothesis.plan, hypothesis.hypothesis_id
        if plan is None or isinstance(plan.decision, Read) or not affected:
            return Cause(text=suspected, standing="suspected")
        contrast = self._executor.contrast_of(plan, owner=owner, cell=cell)
        counted = find_mechanism(self._sql, contrast or plan, owner=owner)
        if counted.confirmed:
            return Cause(text=counted.text, standing="confirmed")
        if contrast is not None and (exposed := contrast.step("exposed")) is not None:
            mark = Mark(exposed.title, exposed.sql)
            (within,) = self._executor.within_strata(contrast, [mark.sql], owner=owner)
            return _of_comparison(within, f"{suspected} {counted.text}".strip())
        return self.with_circumstance(Cause(text=f"{suspected} {counted.text}".strip(), standing="suspected"), plan, owner=owner)

    def with_circumstance(self, suspected: Cause, plan: Plan, *, owner: str) -> Cause:
        """A suspected cause, supported by the circumstance that accounts for most of a share of traces, if there is one.

        Raises:
            QueryError: a step fails.
        """
        marks = self._marks(plan, owner)
        tried = self._executor.within_strata(plan, [mark.sql for mark in marks], owner=owner) if marks else []
        enough = [(within.estimate, within, mark) for within, mark in zip(tried, marks, strict=True) if within.estimate]
        supported = [
            (found.explains, found, within, mark)
            for found, within, mark in enough
            if is_supported(within, tests=len(enough)) and found.explains >= LEAST_PART
        ]
        if not supported:
            return suspected
        _, found, within, mark = max(supported, key=lambda each: each[0])
        seen = f"it is in {found.exposed_affected:,} of {found.affected:,} affected traces that can be compared"
        return Cause(text=f"{suspected.text} It goes with {mark.title}: {seen}; {said(within)}.", standing="supported")

    def _marks(self, plan: Plan, owner: str) -> list[Mark]:
        """Circumstances that some traces have and some don't, by how many have them: who is affected isn't looked at."""
        sql = CIRCUMSTANCES.format(population=nested(plan.population), model=nested(MODEL)).strip()
        title = "Circumstances that may lie behind it"
        rows = self._sql.query(sql, title=title, owner=owner, parts=(MODEL,)).table.to_pylist()
        step = plan.step("affected")
        by_errors = step is not None and DEFINED_BY_ERRORS.search(step.sql) is not None
        marks: list[Mark] = []
        for kind in ("message", "model", "version"):
            common = [row for row in rows if row["kind"] == kind and row["traces"] < row["population"]]
            if kind != "message" or not by_errors:
                marks += [_mark(kind, str(row["name"]), str(row["value"])) for row in common[:MOST_OF_A_KIND]]
        return marks


def is_supported(within: WithinStrata, *, tests: int = 1) -> bool:
    """Whether a comparison within strata supports a cause: beyond chance, and in no stratum the other way round."""
    found = within.estimate
    return found is not None and found.p_value * tests <= LEVEL and found.ratio > 1 and not found.contrary


def said(within: WithinStrata) -> str:
    """The comparison in words that a sentence can go on with."""
    found = within.estimate
    alike = f"among traces of the same {within.alike} " if within.alike else ""
    if found is None:
        return f"too few traces of the same {within.alike} are on both sides to tell" if within.alike else "too few to tell"
    return (
        f"{alike}{found.ratio:.1f} times as often as others (95% CI {found.low:.2g} to {found.high:.2g}; p {found.p_value:.2g})"
    )


def _of_comparison(within: WithinStrata, suspected: str) -> Cause:
    """Of a comparison that was validated: whether it holds among traces that are alike."""
    if within.estimate is None:
        return Cause(text=f"{suspected} Whether other differences explain it isn't known: {said(within)}.", standing="suspected")
    if is_supported(within):
        return Cause(text=f"{suspected} It holds {said(within)}; an association still.", standing="supported")
    alike = f", {said(within)}" if within.alike else ""
    return Cause(text=f"{suspected} Compared with traces that are alike it isn't shown{alike}.", standing="suspected")


def _mark(kind: str, name: str, value: str) -> Mark:
    if kind == "version":
        return Mark(f"version {value}", f"SELECT trace_id FROM traces WHERE version = {quote(value)}")
    if kind == "model":
        return Mark(f"model {value}", f"SELECT c.trace_id FROM {nested(MODEL)} AS c WHERE c.value = {quote(value)}")
    mask = "regexp_replace(substring(error_text, 1, 120), '[0-9]+', '#')"
    text = " ".join(value.split())
    return Mark(
        f"span `{name}` saying “{text}”", f"SELECT trace_id FROM spans WHERE name = {quote(name)} AND {mask} = {quote(value)}"
    )
