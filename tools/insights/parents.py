"""The run `Insights` of an experiment, which holds its issues: found, or made so that all hosts agree on one.

MLflow creates as many runs of one name as it is asked to. What it does once only is to write a parameter, so that decides: a run
is the experiment's when its `insights.parent` says `kept`. Two hosts that begin at the same moment each create one. Whoever wants
to keep a run first marks all others that it sees as `left`; one of the two sees what the other has created, so one of them finds
its own run marked. A run that was made for nothing is deleted by who made it.
"""

import os
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import StoreError, UserError
from ..mlflow_calls import ask
from .artifacts import RunFacts
from .memory import TYPE_TAG, Memory

PARENT = "insights.parent"
KEPT, LEFT = "kept", "left"


class ParentMemory(Memory):
    """The verbs about experiments and their run `Insights`."""

    def experiment_name(self, experiment_id: str) -> str:
        """The name of an experiment.

        Raises:
            UserError: There is none with this id, or it is deleted.
        """
        return self._experiment(experiment_id)[0]

    def parent_run_id(self, experiment_id: str) -> str | None:
        """The run that holds the experiment's issues, where there is one."""
        found = self._find_parent_run(experiment_id)
        return found.run_id if found else None

    def make_parent_run(self, experiment_id: str) -> str:
        """The run that holds the experiment's issues, created where there is none."""
        return self._parent_run(experiment_id).run_id

    def _find_parent_run(self, experiment_id: str) -> RunFacts | None:
        runs = self._parent_runs(experiment_id)
        return _kept(runs) or next(iter(runs), None)

    def _parent_run(self, experiment_id: str) -> RunFacts:
        """The experiment's run `Insights`; created where it is missing, and ended."""
        with self.files.locks.hold(f"experiment {experiment_id}"):
            runs = self._parent_runs(experiment_id)
            parent = _kept(runs) or self._agreed(experiment_id, made="" if runs else self._new_parent(experiment_id))
            if parent.status == "RUNNING":
                self.files.set_status(parent.run_id, "FINISHED", at=self._now())
            return parent

    def _new_parent(self, experiment_id: str) -> str:
        tags = {TYPE_TAG: "parent", "mlflow.insights.parent": "true"}
        return self.files.create_run(experiment_id, name="Insights", tags=tags, at=self._now())

    def _agreed(self, experiment_id: str, *, made: str) -> RunFacts:
        """The run that all hosts keep; `made`, which was created for it, is deleted where it is another."""
        while (parent := self._settled(experiment_id)) is None:
            pass  # another host has marked a run meanwhile, and each run is marked once
        if made and made != parent.run_id:
            self.files.delete_run(made)
        return parent

    def _settled(self, experiment_id: str) -> RunFacts | None:
        runs = self._parent_runs(experiment_id)
        if (kept := _kept(runs)) is not None:
            return kept
        first, *others = runs
        left = all(self.files.claim(each.run_id, PARENT, LEFT) for each in others)
        return first if left and self.files.claim(first.run_id, PARENT, KEPT) else None

    def _parent_runs(self, experiment_id: str) -> list[RunFacts]:
        """Oldest first, without those that nobody keeps."""
        found = self.files.find_runs(experiment_id, tag=TYPE_TAG, value="parent")
        return [run for run in found if run.params.get(PARENT) != LEFT]

    def _experiment(self, experiment_id: str) -> tuple[str, str]:
        """Name and artifact location."""
        try:
            call = partial(self.tracking.client.get_experiment, experiment_id)
            found = ask(f"read experiment {experiment_id!r}", call)
        except StoreError as error:
            if getattr(error.__cause__, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise UserError(f"There is no experiment with id {experiment_id!r} in this store.") from error
            raise
        if found.lifecycle_stage != "active":
            raise UserError(f"Experiment {found.name!r} (id {experiment_id}) is deleted. Bring it back first.")
        return str(found.name), str(found.artifact_location)

    def _require_writable(self, location: str, *, experiment: str) -> None:
        """Looks before anything is created whether artifacts can be written, as far as that can be seen from here."""
        self.files.open_repository(location)
        parts = urlsplit(location)
        if parts.scheme not in {"", "file"}:
            return
        folder = Path(unquote(parts.path)).absolute()
        nearest = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise StoreError(
                f"Experiment {experiment!r} keeps its artifacts in {str(folder)!r}, and {str(nearest)!r} can't be written. "
                "The analysis is kept there: ask for permission, or work on a copy."
            )


def _kept(runs: list[RunFacts]) -> RunFacts | None:
    return next((run for run in runs if run.params.get(PARENT) == KEPT), None)
