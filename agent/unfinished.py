"""What an earlier run of a scope left unfinished: gone on with first, and given up after a few tries that led nowhere."""

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from ..tools.errors import AnalyzeError
from ..tools.insights.lease import ExperimentClaim
from ..tools.insights.models import Analysis, AnalysisStatus, Resumption
from ..tools.insights.store import InsightStore
from ..tools.instants import utc_now
from ..tools.tracking import connect, find_experiment
from .outcome import Outcome
from .printable import one_line
from .session import scope_of
from .settings import Settings

TRIES = 3
"""How often it is gone on with in vain, before a new analysis of the scope is begun instead."""
FIXED = {"since": None, "last": None, "until": None, "filter": None, "scope": None}
"""What was settled when the analysis began."""


@dataclass(frozen=True)
class Unfinished:
    """An analysis that a run without a person left unfinished."""

    store: InsightStore
    run_id: str
    experiment_id: str
    now: Callable[[], datetime]

    def settings(self, settings: Settings) -> Settings:
        """The settings that go on with it."""
        return settings.model_copy(update={**FIXED, "resume": self.run_id})

    def take_up(self) -> Outcome | None:
        """Notes that it is gone on with, before it is, so that a kill counts too.

        Returns:
            What became of it, where it was gone on with in vain often enough and is given up now.

        Raises:
            AnalysisLocked: another run has the experiment, perhaps for this very analysis.
        """
        with self._claimed():
            analysis = self.store.get_analysis(self.run_id)
            if analysis.status is not AnalysisStatus.ACTIVE:
                return None
            if len(analysis.failures) >= TRIES:
                return self._give_up(analysis)
            self._note(Resumption(at=self.now(), steps=len(analysis.progress)), known=analysis.resumptions)
            return None

    def failed(self, error: Exception) -> Outcome | None:
        """Notes why going on with it failed.

        Returns:
            What became of it, where that was the last try and it is given up; None where the error speaks for itself.
        """
        with suppress(AnalyzeError), self._claimed():
            analysis = self._ended(error=one_line(f"{type(error).__name__}: {error}"))
            return self._give_up(analysis) if len(analysis.failures) >= TRIES else None
        return None  # the store is gone, or another run has the experiment by now

    def stopped(self) -> None:
        """Notes that it was stopped as asked, which says nothing against it."""
        with suppress(AnalyzeError):
            self._ended(stopped=True)

    def _ended(self, **how: object) -> Analysis:
        analysis = self.store.get_analysis(self.run_id)
        *earlier, last = analysis.resumptions
        return self._note(last.model_copy(update=how), known=tuple(earlier))

    def _note(self, resumption: Resumption, *, known: tuple[Resumption, ...]) -> Analysis:
        listed = (*known, resumption)
        return self.store.update_analysis(
            self.run_id, op="", change=lambda current: current.model_copy(update={"resumptions": listed})
        )

    def _give_up(self, analysis: Analysis) -> Outcome:
        errors = [each.error or "it was killed" for each in analysis.failures]
        why = (
            f"Analysis {self.run_id} is given up as FAILED: going on with it led nowhere {len(errors)} times in a row "
            f"(the last time: {errors[-1].rstrip('.')}). A new one is begun; `--resume {self.run_id}` tries once more."
        )
        change = {"status": AnalysisStatus.FAILED, "notes": (*analysis.notes, why)}
        self.store.update_analysis(self.run_id, op="", change=lambda current: current.model_copy(update=change))
        name = self.store.experiment_name(self.experiment_id)
        return Outcome(self.run_id, self.experiment_id, name, "failed", notes=[why])

    @contextmanager
    def _claimed(self) -> Generator[None]:
        claim = ExperimentClaim(self.store, now=self.now, on_lost=lambda: None)
        try:
            claim.take(self.experiment_id)
            yield
        finally:
            claim.release()


def find_unfinished(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Unfinished | None:
    """The analysis of the same scope that a run without a person left unfinished.

    Raises:
        AnalyzeError: the store can't be opened, or has no such experiment.
    """
    tracking = connect(settings.tracking_uri or "")
    if settings.experiment is None:
        return None
    experiment = find_experiment(tracking, settings.experiment)
    store = InsightStore(tracking, now=now)
    found = store.unfinished(experiment.experiment_id, scope_of(settings))
    return Unfinished(store, found.run_id, experiment.experiment_id, now) if found else None
