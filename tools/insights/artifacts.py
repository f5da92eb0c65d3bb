"""The thin layer over MLflow's runs: every write goes through `RunFiles`, where a test can interrupt it."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from ..errors import StoreError, UserError
from ..file_store import is_file_store
from ..mlflow_calls import ask, ask_once
from ..scratch import ScratchFolder
from ..tracking import Tracking, page_token
from .locks import WriteLocks
from .models import Links
from .yaml_documents import from_yaml, to_yaml

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

FOLDER = "insights"
LINKS = "links.yaml"
"""Which traces were looked at, where the store can't link them."""
PAGE = 500

Boundary = Callable[[str], None]
RunStatus = Literal["RUNNING", "FINISHED", "FAILED"]


def no_boundary(_label: str) -> None:
    """Nothing happens before and after a write: the default."""


@dataclass(frozen=True)
class RunFacts:
    """What one look at a run tells."""

    run_id: str
    experiment_id: str
    name: str
    status: str
    started_ms: int
    artifact_uri: str
    tags: Mapping[str, str]
    params: Mapping[str, str]


class RunFiles:
    """Runs, their tags, artifacts and links. Each write is one call, named to `boundary` before and after it.

    A boundary is called with labels such as "before artifact insights/analysis.yaml"; a test that kills the process there proves
    that the next process finds a memory it can go on with.
    """

    def __init__(self, tracking: Tracking, *, boundary: Boundary = no_boundary) -> None:
        self.tracking = tracking
        self.locks = WriteLocks(tracking.uri)
        self._client = tracking.client
        self._boundary = boundary
        self._artifact_uris: dict[str, str] = {}
        """Of the runs that were looked at; a run keeps its artifacts where they are."""
        self._repositories: dict[str, ArtifactRepository] = {}

    def create_run(self, experiment_id: str, *, name: str, tags: Mapping[str, str], at: datetime) -> str:
        """Creates a run; the caller has looked for it first, under the lock of the experiment."""
        with self.writing(f"run {name}"):
            call = partial(self._client.create_run, experiment_id, start_time=_ms(at), tags=dict(tags), run_name=name)
            return str(ask_once(f"create run {name!r}", call).info.run_id)

    def delete_run(self, run_id: str) -> None:
        """Deletes a run that nothing was written to."""
        with self.writing("deleted run"):
            ask(f"delete run {run_id}", lambda: self._client.delete_run(run_id))

    def write(self, run_id: str, name: str, text: str | Iterable[str]) -> None:
        """Writes one file below `insights/`, or in a folder there; readers see the old one or the new one, never a part.

        A long text may come in pieces.
        """
        path = PurePosixPath(FOLDER, name)
        repository = self._repository(run_id)
        with self.writing(f"artifact {path}"), ScratchFolder() as folder:
            local = folder.path / path.name
            with local.open("w", encoding="utf-8", newline="") as file:
                file.writelines([text] if isinstance(text, str) else text)
            ask(f"write {path} of run {run_id}", lambda: repository.log_artifact(str(local), str(path.parent)))

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Sets these tags in one call."""
        from mlflow.entities import RunTag

        with self.writing(f"tags {' '.join(tags)}"):
            entities = [RunTag(key, value) for key, value in tags.items()]
            ask(f"tag run {run_id}", lambda: self._client.log_batch(run_id, tags=entities))

    def link(self, run_id: str, trace_ids: Sequence[str]) -> None:
        """Links at most 100 traces to a run; linking again changes nothing."""
        if is_file_store(self.tracking.uri):
            self._link_in_file(run_id, trace_ids)
            return
        with self.locks.hold(run_id), self.writing(f"link {len(trace_ids)}"):
            ask(f"link traces to run {run_id}", lambda: self._client.link_traces_to_run(list(trace_ids), run_id))

    def links_in_file(self, run_id: str) -> list[str] | None:
        """The traces linked to a run of a file store, which has no links of its own; None where the store has them."""
        if not is_file_store(self.tracking.uri):
            return None
        text = self.read(run_id, LINKS)
        return list(from_yaml(Links, text, where=f"{FOLDER}/{LINKS} of run {run_id}").trace_ids) if text else []

    def _link_in_file(self, run_id: str, trace_ids: Sequence[str]) -> None:
        with self.locks.hold(run_id):
            linked = set(self.links_in_file(run_id) or ())
            if not linked.issuperset(trace_ids):
                self.write(run_id, LINKS, to_yaml(Links(trace_ids=tuple(sorted(linked.union(trace_ids))))))

    def claim(self, run_id: str, name: str, value: str) -> bool:
        """Writes a parameter, which can be written once; False where another value stands there already."""
        from mlflow.exceptions import MlflowException

        with self.writing(f"parameter {name}"):
            try:
                ask(f"write parameter {name!r}", lambda: self._client.log_param(run_id, name, value))
            except StoreError as error:
                refused = isinstance(error.__cause__, MlflowException) and error.__cause__.error_code == "INVALID_PARAMETER_VALUE"
                if refused:
                    return False
                raise
            return True

    def set_status(self, run_id: str, status: RunStatus, *, at: datetime) -> None:
        """Ends a run, or opens it again."""
        with self.writing(f"status {status}"):
            if status == "RUNNING":
                ask(f"open run {run_id}", lambda: self._client.update_run(run_id, status=status))
            else:
                ask(f"end run {run_id}", lambda: self._client.set_terminated(run_id, status, end_time=_ms(at)))

    def rename(self, run_id: str, name: str) -> None:
        """Gives a run another name."""
        with self.writing(f"name {name}"):
            ask(f"name run {run_id}", lambda: self._client.update_run(run_id, name=name))

    @contextmanager
    def writing(self, label: str) -> Generator[None]:
        """Names a write to the boundary before and after it."""
        self._boundary(f"before {label}")
        yield
        self._boundary(f"after {label}")

    def run(self, run_id: str) -> RunFacts:
        """Looks at a run: one call, all its tags.

        Raises:
            UserError: There is no such run, or it is deleted.
        """
        try:
            found = ask(f"read run {run_id!r}", lambda: self._client.get_run(run_id))
        except StoreError as error:
            if getattr(error.__cause__, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise UserError(f"There is no run {run_id!r} in this store. List analyses with `run-analysis --list`.") from error
            raise
        if found.info.lifecycle_stage != "active":
            raise UserError(f"Run {run_id!r} is deleted. Bring it back with `mlflow runs restore --run-id {run_id}`.")
        facts = _facts(found)
        self._artifact_uris[run_id] = facts.artifact_uri
        return facts

    def find_runs(self, experiment_id: str, *, tag: str, value: str) -> list[RunFacts]:
        """The runs of an experiment with this tag, oldest first."""
        found: list[RunFacts] = []
        token: str | None = None
        while True:
            call = partial(
                self._client.search_runs,
                [experiment_id],
                filter_string=f"tags.`{tag}` = '{value}'",
                max_results=PAGE,
                page_token=token,
            )
            page = ask(f"look for runs of experiment {experiment_id!r}", call)
            found += [_facts(run) for run in page]
            token = page_token(page.token)
            if token is None:
                return sorted(found, key=lambda run: (run.started_ms, run.run_id))

    def read(self, run_id: str, name: str) -> str | None:
        """The text of a file below `insights/`; None where there is none."""
        found = self.read_bytes(run_id, name)
        return None if found is None else found.decode("utf-8")

    def read_bytes(self, run_id: str, name: str) -> bytes | None:
        """The same of a text that is long: its bytes."""
        path = f"{FOLDER}/{name}"
        repository = self._repository(run_id)
        try:
            return ask(f"read {path} of run {run_id}", lambda: _download(repository, path))
        except StoreError as error:
            # Only the local repository says plainly that a file isn't there.
            if getattr(error.__cause__, "error_code", "") == "RESOURCE_DOES_NOT_EXIST" or not self._has(run_id, name):
                return None
            raise

    def names(self, run_id: str, folder: str = "") -> list[str]:
        """The names of all files in `insights/`, or in a folder there, sorted."""
        repository, path = self._repository(run_id), str(PurePosixPath(FOLDER, folder))
        listed = ask(f"list the files of run {run_id}", lambda: repository.list_artifacts(path))
        return sorted(PurePosixPath(str(item.path)).name for item in listed if not item.is_dir)

    def _has(self, run_id: str, name: str) -> bool:
        path = PurePosixPath(name)
        return path.name in self.names(run_id, str(path.parent))

    def _repository(self, run_id: str) -> "ArtifactRepository":
        if run_id not in self._repositories:
            uri = self._artifact_uris.get(run_id) or self.run(run_id).artifact_uri
            self._repositories[run_id] = self.open_repository(uri)
        return self._repositories[run_id]

    def open_repository(self, artifact_uri: str) -> "ArtifactRepository":
        """The place where artifacts of this URI are kept.

        Raises:
            StoreError: It can't be reached from here.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        if artifact_uri.startswith("mlflow-artifacts:") and not self.tracking.uri.startswith("http"):
            raise StoreError(
                f"Artifacts are kept behind an MLflow server here ({artifact_uri!r}), and the store was opened as a file: "
                "give the server's address (http://...) as the tracking URI."
            )
        return ask(f"open {artifact_uri!r}", lambda: get_artifact_repository(artifact_uri, tracking_uri=self.tracking.uri))


def _download(repository: "ArtifactRepository", path: str) -> bytes:
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    if isinstance(repository, LocalArtifactRepository):
        return Path(repository.download_artifacts(path)).read_bytes()
    with ScratchFolder() as folder:
        local = folder.path / PurePosixPath(path).name
        # What every repository implements; `download_artifacts` lists the path first, which doubles the requests.
        repository._download_file(path, str(local))
        return local.read_bytes()


def _facts(run: "Run") -> RunFacts:
    info = run.info
    return RunFacts(
        run_id=str(info.run_id),
        experiment_id=str(info.experiment_id),
        name=str(info.run_name),
        status=str(info.status),
        started_ms=int(info.start_time or 0),
        artifact_uri=str(info.artifact_uri),
        tags={str(key): str(value) for key, value in run.data.tags.items()},
        params={str(key): str(value) for key, value in run.data.params.items()},
    )


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
