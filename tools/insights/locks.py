"""One lock per run on a host, held for a write only: among threads first, then among processes."""

import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import AnalysisLocked, StoreError

POLL_S = 0.01
"""How often a process looks whether another has let go; writes take a few milliseconds."""
CLAIM_WAIT_S = 0.5
"""How long a claim waits: longer than anybody needs to see whether one is held."""


_RUN_ID = re.compile(r"[0-9a-f]{32}")
"""What MLflow names a run: no other store has one of that name, so its lock is the same by whichever address it is reached."""


class WriteLocks:
    """Hands out the lock of a subject: a run, or an experiment in which runs are created.

    The operating system drops a process's locks when it ends, however it ends. Other hosts aren't kept out; there the keys of
    operations make a repeated write harmless, but not two different ones at the same moment.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._folder: Path | None = None
        self._guard = threading.Lock()
        self._held: dict[str, tuple[threading.RLock, FileLock]] = {}

    @contextmanager
    def hold(self, subject: str) -> Generator[None]:
        """Holds the lock of `subject`; the thread that has it may take it again."""
        thread_lock, file_lock = self._locks(subject)
        with thread_lock, file_lock:
            yield

    def _locks(self, subject: str) -> tuple[threading.RLock, FileLock]:
        with self._guard:
            if subject not in self._held:
                self._folder = self._folder or private_folder()
                scope = "" if _RUN_ID.fullmatch(subject) else self._uri
                name = hashlib.sha256(f"{scope}\n{subject}".encode()).hexdigest()[:32]
                file_lock = FileLock(self._folder / f"{name}.lock", thread_local=False, poll_interval=POLL_S)
                self._held[subject] = (threading.RLock(), file_lock)
            return self._held[subject]


class ExperimentLock:
    """At most one analysis of an experiment at a time on this host; the system drops it when the process dies."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._lock: FileLock | None = None

    def claim(self, experiment_id: str) -> None:
        """Takes the lock, once.

        Raises:
            AnalysisLocked: another run holds it.
        """
        if self._lock is not None:
            return
        lock = self._of(experiment_id)
        try:
            lock.acquire(timeout=CLAIM_WAIT_S)
        except Timeout as error:
            raise AnalysisLocked(
                f"Another run analyses experiment {experiment_id!r} of this store: wait for it, or stop it."
            ) from error
        self._lock = lock

    def is_held(self, experiment_id: str) -> bool:
        """Whether a run holds the experiment's lock now, this one or another."""
        if self._lock is not None:
            return True
        try:
            with self._of(experiment_id).acquire(timeout=0):
                return False
        except Timeout:
            return True

    def release(self) -> None:
        """Gives it back."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _of(self, experiment_id: str) -> FileLock:
        name = hashlib.sha256(f"{self._uri}\0{experiment_id}".encode()).hexdigest()[:24]
        return FileLock(private_folder() / f"experiment-{name}.lock", thread_local=False)  # whoever ends gives it back


def private_folder() -> Path:
    """A folder that only this user can enter, the same for his terminal and his cron jobs."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    for folder in (
        Path(cache) / "analyze-experiment" / "locks",
        Path(tempfile.gettempdir()) / f"analyze-experiment-{os.getuid()}",
    ):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK):
            return folder
    raise StoreError(f"No folder for the locks of runs can be made, neither in {str(cache)!r} nor in {tempfile.gettempdir()!r}.")


def any_experiment_held() -> bool:
    """Whether any run on this host holds an experiment, of whichever store."""
    for path in sorted(private_folder().glob("experiment-*.lock")):
        try:
            with FileLock(path).acquire(timeout=0):
                continue
        except Timeout:
            return True
    return False
