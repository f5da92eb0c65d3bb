"""What all documents of the memory share: how they are read, changed under the lock, and indexed in the tags of their run.

The artifact is the truth; a tag holds the place of a document in its list, its revision and its status, so that one look at a run
lists everything. A document's tag is set before it is first written, and after each change: a process that dies in between leaves
a tag without a document, which is passed over, or a tag that is one revision behind, which the next change of the document mends.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from pydantic import BaseModel

from ..errors import MemoryRefused, StoreError, UserError
from ..instants import utc_now
from ..traces.claims import look_up
from ..traces.reader import TraceReader
from ..traces.views import TraceView
from ..tracking import Tracking
from .artifacts import Boundary, RunFacts, RunFiles, no_boundary
from .models import Document, Evidence
from .yaml_documents import from_yaml, to_yaml

M = TypeVar("M", bound=BaseModel)
D = TypeVar("D", bound=Document)

TYPE_TAG = "mlflow.insights.type"


class IndexEntry(NamedTuple):
    """One index tag: where a document stands in its list, its revision, its status."""

    ordinal: int
    rev: int
    status: str

    @classmethod
    def parse(cls, text: str) -> "IndexEntry":
        """The inverse of `str`."""
        ordinal, rev, status = text.split(" ", 2)
        return cls(int(ordinal), int(rev), status)

    def __str__(self) -> str:
        return f"{self.ordinal} {self.rev} {self.status}"


class Memory:
    """The store's foundation. Threads may share it."""

    def __init__(self, tracking: Tracking, *, now: Callable[[], datetime] = utc_now, boundary: Boundary = no_boundary) -> None:
        """Opens the memory in a store.

        Args:
            tracking: The opened MLflow store.
            now: The clock; every time in a document comes from it.
            boundary: Called before and after each write to MLflow with a label; for tests of crashes.
        """
        self.tracking = tracking
        self.files = RunFiles(tracking, boundary=boundary)
        self.reader = TraceReader(tracking, files=self.files)
        self._now = now
        self._documents: dict[tuple[str, str], Document] = {}
        self._records: dict[tuple[str, str], BaseModel] = {}

    def _analysis_run(self, run_id: str) -> RunFacts:
        """A look at the run of an analysis.

        Raises:
            UserError: There is no such run, or it is no analysis.
        """
        run = self.files.run(run_id)
        if run.tags.get(TYPE_TAG) != "analysis":
            raise UserError(f"Run {run_id!r} ({run.name!r}) is no analysis. List analyses with `run-analysis --list`.")
        return run

    def _read(self, kind: type[M], run_id: str, name: str) -> M | None:
        text = self.files.read(run_id, name)
        return None if text is None else from_yaml(kind, text, where=f"insights/{name} of run {run_id}")

    def _write(self, run_id: str, name: str, document: Document) -> None:
        text = to_yaml(document)
        try:
            from_yaml(type(document), text, where=name)
        except StoreError as error:
            raise MemoryRefused(f"This change would make an invalid document. {error}") from error
        self.files.write(run_id, name, text)
        self._documents[run_id, name] = document

    def _revised(self, current: D, changed: D, *, op: str = "") -> D:
        """The changed document with its next revision; the current one itself where nothing changed."""
        if changed == current and not op:
            return current
        ops = (*current.ops, op) if op else current.ops
        return changed.model_copy(update={"rev": current.rev + 1, "ops": ops, "updated_at": self._now()})

    def _listed(self, kind: type[D], run: RunFacts, prefix: str, name: Callable[[str], str]) -> list[D]:
        """The documents whose index tags begin with `prefix`, in order of creation; one that is known isn't read again."""
        entries = index_entries(run, prefix)
        found: list[D] = []
        for key in in_order(entries):
            document = self._document(kind, run.run_id, name(key), at_least=entries[key].rev)
            if document is not None:
                found.append(document)
        return found

    def _document(self, kind: type[D], run_id: str, name: str, *, at_least: int) -> D | None:
        cached = self._documents.get((run_id, name))
        if isinstance(cached, kind) and cached.rev >= at_least:
            return cached
        document = self._read(kind, run_id, name)
        if document is not None:
            self._documents[run_id, name] = document
        return document

    def _index(self, run: RunFacts, tag: str, prefix: str, rev: int, status: str) -> None:
        """Sets a document's index tag where it isn't what it should be."""
        entries = index_entries(run, prefix)
        known = entries.get(tag.removeprefix(prefix))
        ordinal = known.ordinal if known else 1 + max((entry.ordinal for entry in entries.values()), default=0)
        wanted = str(IndexEntry(ordinal, rev, status))
        if run.tags.get(tag) != wanted:
            self.files.tag(run.run_id, {tag: wanted})

    def _cite(self, run: RunFacts, evidence: Sequence[Evidence]) -> None:
        """Links the traces of evidence to the analysis, once it is known that they, their spans and their quotes exist.

        Raises:
            MemoryRefused: A trace isn't in the experiment, a span isn't in its trace, or a quote stands nowhere in it.
        """
        trace_ids = {entry.trace_id for entry in evidence}
        self.reader.require_existing(trace_ids, experiment_id=run.experiment_id)
        claims = [entry for entry in evidence if entry.span_id or entry.quote]
        traces = self.reader.for_checks(entry.trace_id for entry in claims)
        for entry in claims:
            if refused := _refused(traces.get(entry.trace_id), entry):
                raise MemoryRefused(f"Trace {entry.trace_id!r} doesn't bear this evidence out: {refused}. Evidence must exist.")
        self.reader.link_existing(run.run_id, trace_ids)


def _refused(trace: TraceView | None, entry: Evidence) -> str:
    """Why the evidence isn't taken; empty where its span and its quote are in the trace."""
    if trace is None:
        return "its spans can't be read"
    return look_up(trace, span_id=entry.span_id or "", quote=entry.quote or "").refused


def in_order(entries: Mapping[str, IndexEntry]) -> list[str]:
    """The keys of index tags in order of creation."""
    return sorted(entries, key=lambda key: (entries[key].ordinal, key))


def index_entries(run: RunFacts, prefix: str) -> dict[str, IndexEntry]:
    """The index tags of a run that begin with `prefix`, by what follows it."""
    return {tag.removeprefix(prefix): IndexEntry.parse(text) for tag, text in run.tags.items() if tag.startswith(prefix)}


def require_untouched(before: Document, after: Document, fields: Sequence[str]) -> None:
    """Passes a change that leaves these fields alone.

    Raises:
        MemoryRefused: It touches one.
    """
    touched = [name for name in fields if getattr(before, name) != getattr(after, name)]
    if touched:
        raise MemoryRefused(f"{', '.join(touched)} of this {type(before).__name__.lower()} can't be changed.")
