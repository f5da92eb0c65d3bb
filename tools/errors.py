"""One tree of errors, so that a command line can turn each into one clear line and an exit code.

    AnalyzeError                1   anything this product raises on purpose
    ├── UserError               2   an option, a name or a file that the user can change
    │   └── PersonNeeded        5   a question without a declared answer, and nobody to ask
    ├── AnalysisLocked         75   another run holds this experiment
    ├── NothingNew              0   the window has no traces: nothing to do, and nothing is wrong
    ├── NotificationFailed      1   an address wasn't told how an analysis ended; noted, and nothing else
    ├── Stopped               130   asked to stop by a signal; what was written stands, and can be resumed
    ├── StoreError              1   the MLflow store: not there, not MLflow's, another schema, no permission, gone
    │   └── MemoryRefused       1   a write that the memory's rules forbid (transition, evidence, a changed plan)
    ├── ModelError              1   the language model: not there, refuses, doesn't answer any more; what is paid for is kept
    ├── TraceReadError          1   one trace that can't be read; recorded as a result, never fatal to an analysis
    ├── EngineError             1   the SQL engine: not there, no permission, or gone; no query can be answered
    └── QueryError              1   a query that can't be answered
        ├── QueryRefused        1   the guard or the dialect refuses it
        ├── QueryTimeout        1   over its time or memory
        └── QueryCancelled      1   killed, because what it was for is gone

Each message says what happened, to which thing (`{name!r}`), and what to do.
"""


class AnalyzeError(Exception):
    """Anything this product raises on purpose."""

    exit_code = 1


class UserError(AnalyzeError):
    """An option, a name or a file that the user can change."""

    exit_code = 2


class PersonNeeded(UserError):
    """A question has no declared answer, and nobody is there to ask."""

    exit_code = 5


class AnalysisLocked(AnalyzeError):
    """Another run holds this experiment."""

    exit_code = 75


class NothingNew(AnalyzeError):
    """The window of an analysis has no traces: there is nothing to do, and nothing is wrong."""

    exit_code = 0


class NotificationFailed(AnalyzeError):
    """Whoever was to be told how an analysis ended wasn't; the analysis itself stands."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        """`status` is what the address answered, where it did."""
        super().__init__(message)
        self.status = status


class Stopped(AnalyzeError):
    """A signal asked for a stop; what was written stands, and the analysis can be resumed."""

    exit_code = 130


class StoreError(AnalyzeError):
    """The MLflow store can't be used: not there, not MLflow's, another schema, no permission, or gone."""


class MemoryRefused(StoreError):
    """A write that the rules of the memory forbid."""


class TraceReadError(AnalyzeError):
    """One trace can't be read."""


class EngineError(AnalyzeError):
    """What answers queries isn't there, lets nobody in, or is gone: no query can be answered."""


class QueryError(AnalyzeError):
    """A query can't be answered."""


class QueryRefused(QueryError):
    """The guard or the dialect refuses a query."""


class QueryTimeout(QueryError):
    """A query went over its time or its memory."""


class QueryCancelled(QueryError):
    """A query was killed because what it was for is gone."""


class ModelError(AnalyzeError):
    """The language model can't be asked: no such endpoint or model, no permission, or no answer any more."""
