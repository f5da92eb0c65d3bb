"""Analyses in the memory: their runs below the experiment's parent run, and the document of each."""

from collections.abc import Callable, Mapping
from datetime import datetime

from ..errors import UserError
from ..instants import to_ms
from .artifacts import RunFacts, RunStatus
from .identity import analysis_key
from .memory import TYPE_TAG, require_untouched
from .models import Analysis, AnalysisStatus, Question, Scope
from .parents import ParentMemory

NAME = "analysis.yaml"
KEY_TAG = "insights.key"
INDEX = "insights.analysis"
SCOPE_TAG = "insights.scope"
WATERMARK_TAG = "insights.watermark"
NOTE_CHARS = 4000
"""MLflow cuts a tag at 8000 characters, with a warning."""
RUN_STATUS: dict[AnalysisStatus, RunStatus] = {AnalysisStatus.ACTIVE: "RUNNING", AnalysisStatus.FAILED: "FAILED"}
"""How MLflow shows the run; of any other status as finished."""
FIXED = ("run_id", "experiment_id", "with_model", "seed", "created_at")


class AnalysisMemory(ParentMemory):
    """The verbs about analyses."""

    def create_analysis(
        self,
        experiment_id: str,
        *,
        key: str,
        name: str,
        run_name: str,
        analyst: str,
        with_model: bool = False,
        seed: int = 0,
        focus: tuple[str, ...] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        scope: Scope | None = None,
        unattended: bool = False,
        follows: str | None = None,
        watermark: datetime | None = None,
    ) -> Analysis:
        """Creates an analysis and its run; with the same key it is the same analysis, whatever else is given.

        Raises:
            UserError: The experiment isn't there.
            StoreError: Its artifacts can't be written.
        """
        run_id = self._run_of_key(experiment_id, key=key, run_name=run_name)
        with self.files.locks.hold(run_id):
            analysis = self._read(Analysis, run_id, NAME)
            if analysis is None:
                at = self._now()
                analysis = Analysis(
                    run_id=run_id,
                    experiment_id=experiment_id,
                    name=name,
                    run_name=run_name,
                    analyst=analyst,
                    with_model=with_model,
                    seed=seed,
                    focus=focus,
                    since=since,
                    until=until,
                    scope=scope or Scope(),
                    unattended=unattended,
                    follows=follows,
                    watermark=watermark,
                    created_at=at,
                    updated_at=at,
                )
                self._write(run_id, NAME, analysis)
            self._mirror(analysis, self.files.run(run_id))
        return analysis

    def get_analysis(self, run_id: str) -> Analysis:
        """The analysis of this run.

        Raises:
            UserError: The run isn't there, or is no analysis.
        """
        self._analysis_run(run_id)
        return self._stored(run_id)

    def list_analyses(self, experiment_id: str) -> list[Analysis]:
        """The analyses of an experiment, newest first."""
        runs = self.files.find_runs(experiment_id, tag=TYPE_TAG, value="analysis")
        found = [self._document(Analysis, run.run_id, NAME, at_least=_indexed_rev(run)) for run in runs]
        return sorted((each for each in found if each), key=lambda each: (each.created_at, each.run_id), reverse=True)

    def analysis_ids(self, experiment_id: str) -> list[str]:
        """The runs of an experiment in which an analysis was begun, by id.

        One look at the store tells: only a run that has no index tag, which a kill leaves behind, is looked into.
        """
        runs = self.files.find_runs(experiment_id, tag=TYPE_TAG, value="analysis")
        return sorted(run.run_id for run in runs if INDEX in run.tags or self._read(Analysis, run.run_id, NAME) is not None)

    def update_analysis(self, run_id: str, *, op: str, change: Callable[[Analysis], Analysis]) -> Analysis:
        """Changes an analysis; the same `op` again changes nothing. Completing it ends its run, reopening it opens the run.

        Raises:
            MemoryRefused: The change touches what is fixed, or makes an invalid document.
        """
        return self._revise_analysis(run_id, change, op=op)

    def finish_step(self, run_id: str, step: str) -> Analysis:
        """Notes that a step is done, once."""

        def change(current: Analysis) -> Analysis:
            if step in current.progress:
                return current
            return current.model_copy(update={"progress": {**current.progress, step: self._now()}})

        return self._revise_analysis(run_id, change)

    def record_answer(self, run_id: str, question: Question) -> Analysis:
        """Keeps the answer to a question of the graph; the first answer stays."""

        def change(current: Analysis) -> Analysis:
            if current.answer(question.name):
                return current
            return current.model_copy(update={"questions": (*current.questions, question)})

        return self._revise_analysis(run_id, change)

    def experiment_of(self, run_id: str) -> str:
        """The experiment of an analysis: one look at its run.

        Raises:
            UserError: There is no such run, or it is no analysis.
        """
        return self._analysis_run(run_id).experiment_id

    def linked_traces(self, run_id: str) -> int:
        """How many traces the analysis has looked at."""
        return len(self.linked_ids(run_id))

    def linked_ids(self, run_id: str) -> list[str]:
        """The traces that the analysis has looked at, by id."""
        return self.reader.linked(run_id, experiment_id=self._analysis_run(run_id).experiment_id)

    def _stored(self, run_id: str) -> Analysis:
        analysis = self._read(Analysis, run_id, NAME)
        if analysis is None:
            raise UserError(f"Run {run_id!r} has no insights/{NAME}: its analysis was never begun. Start a new one.")
        return analysis

    def _revise_analysis(self, run_id: str, change: Callable[[Analysis], Analysis], *, op: str = "") -> Analysis:
        with self.files.locks.hold(run_id):
            run = self._analysis_run(run_id)
            current = self._stored(run_id)
            if op in current.ops:
                self._mirror(current, run)
                return current
            changed = self._completed(current, change(current))
            require_untouched(current, changed, FIXED)
            revised = self._revised(current, changed, op=op)
            if revised is not current:
                self._write(run_id, NAME, revised)
            self._mirror(revised, run)
            return revised

    def _completed(self, before: Analysis, after: Analysis) -> Analysis:
        if after.status is before.status:
            return after
        done = self._now() if after.status is AnalysisStatus.COMPLETED else None
        return after if after.status is AnalysisStatus.ARCHIVED else after.model_copy(update={"completed_at": done})

    def _mirror(self, analysis: Analysis, run: RunFacts) -> None:
        """Brings the run's name, tags and status to what the document says, where they differ."""
        if run.name != analysis.run_name:
            self.files.rename(run.run_id, analysis.run_name)
        wanted = {
            "mlflow.insights.name": analysis.name,
            INDEX: f"{analysis.rev} {analysis.status}",
            SCOPE_TAG: analysis.scope.key,
        }
        if analysis.watermark is not None and analysis.completed_at is not None:
            wanted[WATERMARK_TAG] = str(to_ms(analysis.watermark))
        if analysis.description:
            wanted["mlflow.note.content"] = analysis.description[:NOTE_CHARS]
        self._set_tags(run, wanted)
        status = RUN_STATUS.get(analysis.status, "FINISHED")
        if run.status != status:
            self.files.set_status(run.run_id, status, at=analysis.updated_at)

    def _set_tags(self, run: RunFacts, wanted: Mapping[str, str]) -> None:
        missing = {tag: text for tag, text in wanted.items() if run.tags.get(tag) != text}
        if missing:
            self.files.tag(run.run_id, missing)

    def _run_of_key(self, experiment_id: str, *, key: str, run_name: str) -> str:
        """The run of this key, found or created below the parent run."""
        with self.files.locks.hold(f"experiment {experiment_id}"):
            name, location = self._experiment(experiment_id)
            found = self.files.find_runs(experiment_id, tag=KEY_TAG, value=analysis_key(key))
            if found:
                return found[0].run_id
            self._require_writable(location, experiment=name)
            tags = {
                "mlflow.parentRunId": self._parent_run(experiment_id).run_id,
                TYPE_TAG: "analysis",
                KEY_TAG: analysis_key(key),
            }
            return self.files.create_run(experiment_id, name=run_name, tags=tags, at=self._now())


def _indexed_rev(run: RunFacts) -> int:
    return int(run.tags.get(INDEX, "0").split(" ")[0])
