"""Scopes in the memory: up to where the analyses of one have come, which one of them was left unfinished, what was counted last.

The watermark of a scope is a tag of its completed analyses, so it moves only when an analysis has come to its end. It is the time
of the last trace that was counted, by the clock of the agents: that of this host may be wrong and moves nothing.
"""

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from ..instants import from_ms
from .analyses import INDEX, NAME, RUN_STATUS, SCOPE_TAG, WATERMARK_TAG, AnalysisMemory
from .memory import TYPE_TAG
from .models import Analysis, AnalysisStatus, Scope

COUNTED = "counted.csv"


class Mark(NamedTuple):
    """Up to where a scope has been analysed, and by which run."""

    run_id: str
    until: datetime


class ScopeMemory(AnalysisMemory):
    """The verbs about scopes."""

    def last_mark(self, experiment_id: str, scope: Scope) -> Mark | None:
        """The furthest watermark of the scope's completed analyses; None where there is none."""
        marks = [
            Mark(run.run_id, from_ms(int(run.tags[WATERMARK_TAG])))
            for run in reversed(self.files.find_runs(experiment_id, tag=SCOPE_TAG, value=scope.key))  # of equals the newest
            if run.tags.get(WATERMARK_TAG, "").isdecimal()
        ]
        return max(marks, key=lambda mark: mark.until, default=None)

    def unfinished(self, experiment_id: str, scope: Scope) -> Analysis | None:
        """The newest analysis of the scope that nobody watched and that was never finished.

        One that was finished, but killed before its run said so, is made to say so: otherwise it would look as if it ran for
        ever, and the next analysis would count its traces again.
        """
        for run in reversed(self.files.find_runs(experiment_id, tag=TYPE_TAG, value="analysis")):
            status = run.tags.get(INDEX, "").partition(" ")[2]
            seems_open = status in {"", str(AnalysisStatus.ACTIVE)} or run.status == RUN_STATUS[AnalysisStatus.ACTIVE]
            if not seems_open or run.tags.get(SCOPE_TAG, scope.key) != scope.key:
                continue
            analysis = self._read(Analysis, run.run_id, NAME)
            if analysis is None or analysis.scope != scope:
                continue
            if analysis.status is not AnalysisStatus.ACTIVE:
                self._revise_analysis(run.run_id, lambda current: current)
            elif analysis.unattended:
                return analysis
        return None

    def write_counted(self, run_id: str, times: Mapping[str, int]) -> None:
        """Keeps the last traces that an analysis counts, with the ms of each, so that the next one knows them again; once."""
        with self.files.locks.hold(run_id):
            if self.files.read(run_id, COUNTED) is None:
                text = io.StringIO(newline="")
                csv.writer(text, lineterminator="\n").writerows([("trace_id", "timestamp_ms"), *sorted(times.items())])
                self.files.write(run_id, COUNTED, text.getvalue())

    def read_counted(self, run_id: str) -> dict[str, int]:
        """The last traces that an analysis counted, with the ms of each."""
        rows = list(csv.reader(io.StringIO(self.files.read(run_id, COUNTED) or "", newline="")))
        return {trace_id: int(time) for trace_id, time in rows[1:]}
