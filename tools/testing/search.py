"""Carries out a slice search: one query an attribute and an outcome, aligned by trace, then all cells tested at once."""

import numpy as np
import pyarrow as pa

from ..insights.models import Cell, TestResult
from . import compose
from .plan import Plan, SliceAttribute, SliceOutcome, Slices
from .queries import OnStep, PlanQueries, require_numbers
from .results import EMPTY, cluster_codes
from .shift import QUANTILES
from .slices import Attribute, Outcome, SliceFrame, SliceSearch, search_slices

NO_CELL = "no segment has enough traces, clusters and affected traces"


class SliceRun:
    """One slice search over the traces of a plan."""

    def __init__(self, queries: PlanQueries, plan: Plan, decision: Slices, *, cluster_key: str, seed: int) -> None:
        self._queries = queries
        self._plan = plan
        self._decision = decision
        self._cluster_key = cluster_key
        self._seed = seed

    def run(self, on_step: OnStep) -> tuple[TestResult, Plan | None]:
        """The cells found, and the clearest cell as a contrast, for traces for and against; None where no cell was tested.

        Raises:
            QueryError: an attribute or outcome lacks a column, or gives several values for one trace.
        """
        rows = self._queries.ask(
            compose.frame_rows(self._plan, by_trace=self._cluster_key == "trace"), "Traces of the slice search"
        )
        if not rows.num_rows:
            return self._result(SliceSearch((), 0, None, 0, ()), 0), None
        outcomes = tuple(self._outcome(outcome, on_step) for outcome in self._decision.outcomes)
        attributes = tuple(self._attribute(attribute, on_step) for attribute in self._decision.attributes)
        frame = SliceFrame(cluster_codes(rows["cluster"]), outcomes, attributes)
        found = search_slices(frame, ratio=self._decision.ratio, seed=self._seed)
        on_step(" ".join((f"Slice search: {found.cells_tested:,} segments tested.", *found.notes)), "", rows.num_rows)
        clearest = next(iter(found.cells), found.best_missed)
        contrast = None if clearest is None else self.contrast_of(clearest)
        return self._result(found, rows.num_rows), contrast

    def contrast_of(self, cell: Cell) -> Plan:
        """A cell as a contrast: its segment against the rest of the population."""
        outcome = next(outcome for outcome in self._decision.outcomes if outcome.name == cell.outcome)
        cut = None
        if outcome.quantile is not None:
            values = self._numbers(outcome)
            cut = float(np.quantile(values[~np.isnan(values)], QUANTILES[outcome.quantile]))
        return compose.cell_contrast(self._plan, self._decision, outcome, cell.segment, cut)

    def _result(self, found: SliceSearch, traces: int) -> TestResult:
        clearest = next(iter(found.cells), found.best_missed)
        return TestResult(
            decision="slices",
            estimand="process",
            family="S",
            cluster_key=self._cluster_key,
            population=traces,
            clusters=found.clusters,
            value=clearest.ratio if clearest else None,
            threshold=self._decision.ratio,
            p_value=clearest.p_adjusted if clearest else None,
            eligible=found.cells_tested > 0,
            ineligible_because="" if found.cells_tested else NO_CELL if traces else EMPTY,
            cells=found.cells,
            cells_tested=found.cells_tested,
        )

    def _outcome(self, outcome: SliceOutcome, on_step: OnStep) -> Outcome:
        if outcome.quantile is not None:
            read = Outcome.of_numbers(outcome.name, outcome.title, self._numbers(outcome), outcome.quantile)
        else:
            affected = self._column(outcome.title, outcome.sql, valued=False)["value"].to_numpy()
            read = Outcome.of_traces(outcome.name, outcome.title, affected > 0)
        on_step(f"Outcome: {outcome.title}", outcome.sql, int(read.affected.sum()))
        return read

    def _attribute(self, attribute: SliceAttribute, on_step: OnStep) -> Attribute:
        column = self._column(attribute.title, attribute.sql, valued=True)["value"]
        on_step(f"Attribute: {attribute.title}", attribute.sql, len(column) - column.null_count)
        found = column.combine_chunks().dictionary_encode()
        places = found.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return Attribute.of_places(attribute.name, [str(value) for value in found.dictionary.to_pylist()], places)

    def _numbers(self, outcome: SliceOutcome) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        table = self._column(outcome.title, outcome.sql, valued=True)
        require_numbers(table, f"Slice column {outcome.title!r}")
        return table["value"].cast(pa.float64()).to_numpy()

    def _column(self, title: str, sql: str, *, valued: bool) -> pa.Table:
        return self._queries.aligned(compose.frame_column(self._plan, sql, valued=valued), title, sql, valued=valued)
