"""A claim on an experiment that all hosts see: who analyses it now, and when he was last heard of.

The claim is made by a parameter, because that is the one thing in MLflow that can be written once and not again: whoever writes
`insights.lease.<n>` first has it. It is written to the newest analysis run, so that each run carries few. The tag
`insights.lease` of the parent run says whether the holder lives; he renews it as long as he does, and says there that he is done.
Until he has written it for the first time, his claim speaks for him. A claim that isn't renewed any more is taken over, at once
where its holder was on this host, since the host's own lock is free.
"""

import os
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ..errors import AnalysisLocked, StoreError
from .analyses import AnalysisMemory
from .artifacts import RunFiles
from .locks import ExperimentLock, private_folder
from .memory import TYPE_TAG

TAG = "insights.lease"
FREE = "free"
BEAT_S = 60
"""How often a holder says that he lives."""
STALE_S = 300
"""How long nothing may be heard of a holder before another host takes over; more than clocks of hosts should differ by."""


class Held(NamedTuple):
    """A lease as its tag tells it."""

    place: str
    """The host's own folder of locks: who shares it shares the locks."""
    holder: str
    host: str
    beat_ms: int

    @classmethod
    def parse(cls, text: str) -> "Held | None":
        """What a tag says; None where the experiment is free, or the tag isn't ours."""
        parts = text.split(" ")
        return cls(parts[0], parts[1], parts[2], int(parts[3])) if len(parts) == 4 and parts[3].isdecimal() else None

    def __str__(self) -> str:
        return f"{self.place} {self.holder} {self.host} {self.beat_ms}"


class Lease:
    """One process's claim on one experiment, renewed by a thread until it is released. Taken under the lock of the host."""

    def __init__(
        self, files: RunFiles, parent_run_id: str, *, now: Callable[[], datetime], on_lost: Callable[[], object]
    ) -> None:
        """Claims nothing yet.

        Args:
            files: The runs of the store.
            parent_run_id: The run that holds the experiment's issues.
            now: The clock.
            on_lost: Called once, from the thread that renews, where another host has taken the experiment over.
        """
        self._files = files
        self._parent = parent_run_id
        self._now = now
        self._on_lost = on_lost
        self._held = Held(_place(), secrets.token_hex(8), socket.gethostname().replace(" ", "-") or "unknown", 0)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, experiment_id: str) -> None:
        """Takes the experiment, and goes on renewing the claim.

        Raises:
            AnalysisLocked: a run on another host has it.
        """
        place = self._newest(experiment_id)
        claims = {name: text for name, text in self._files.run(place).params.items() if name.startswith(f"{TAG}.")}
        last = Held.parse(claims.get(f"{TAG}.{len(claims)}", ""))
        other = _holder(
            self._files.run(self._parent).tags.get(TAG, ""), last
        )  # after the claims: whoever came since has the next
        if other is not None and not self._is_stale(other):
            raise AnalysisLocked(_taken(experiment_id, other.host))
        self._held = self._held._replace(beat_ms=self._now_ms())
        if not self._files.claim(place, f"{TAG}.{len(claims) + 1}", str(self._held)) or self._newest(experiment_id) != place:
            raise AnalysisLocked(_taken(experiment_id, "another host"))
        self._beat()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def renew(self) -> bool:
        """Says once more that the holder lives; False where another has taken over."""
        held = Held.parse(self._files.run(self._parent).tags.get(TAG, ""))
        if held is None or held.holder != self._held.holder:
            return False
        self._beat()
        return True

    def release(self) -> None:
        """Gives the experiment back, where it is still ours; a store that is gone by now is left alone."""
        self._ended.set()
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        with suppress(StoreError):
            held = Held.parse(self._files.run(self._parent).tags.get(TAG, ""))
            if held is not None and held.holder == self._held.holder:
                self._files.tag(self._parent, {TAG: f"{FREE} {held.holder}"})

    def _newest(self, experiment_id: str) -> str:
        """The run that claims are written to."""
        runs = self._files.find_runs(experiment_id, tag=TYPE_TAG, value="analysis")
        return runs[-1].run_id if runs else self._parent

    def _is_stale(self, other: Held) -> bool:
        age_s = self._now().timestamp() - other.beat_ms / 1000
        return other.place == self._held.place or not -STALE_S < age_s < STALE_S

    def _beat(self) -> None:
        self._held = self._held._replace(beat_ms=self._now_ms())
        self._files.tag(self._parent, {TAG: str(self._held)})

    def _now_ms(self) -> int:
        return int(self._now().timestamp() * 1000)

    def _renew(self) -> None:
        while not self._ended.wait(BEAT_S):
            with suppress(StoreError):  # a store that doesn't answer now may answer the next time
                if not self.renew():
                    self._on_lost()
                    return


def _holder(tag: str, last: Held | None) -> Held | None:
    """Who has it by the tag; or whoever made the last claim, where the tag doesn't speak of that yet. None: it is free."""
    return Held.parse(tag) if last is None or last.holder in tag.split(" ") else last


def _taken(experiment_id: str, host: str) -> str:
    return (
        f"A run on {host} analyses experiment {experiment_id!r} of this store: wait for it, or stop it. If it was killed there, "
        f"the experiment is free {STALE_S // 60} minutes after its last sign of life."
    )


def _place() -> str:
    """What names the folder of this host's locks; made once, by whoever comes first."""
    path = private_folder() / "place"
    with suppress(FileExistsError):
        unfinished = path.with_name(f"place.{os.getpid()}.{threading.get_ident()}")
        unfinished.write_text(secrets.token_hex(8), encoding="utf-8")
        try:
            os.link(unfinished, path)
        finally:
            Path.unlink(unfinished)
    return path.read_text(encoding="utf-8")


class ExperimentClaim:
    """An analysis's hold on an experiment: the lock of this host, and the lease that other hosts see."""

    def __init__(self, store: AnalysisMemory, *, now: Callable[[], datetime], on_lost: Callable[[], object]) -> None:
        """Holds nothing yet; the arguments are those of `Lease`."""
        self._store = store
        self._now = now
        self._on_lost = on_lost
        self._lock = ExperimentLock(store.tracking.uri)
        self._lease: Lease | None = None

    def take(self, experiment_id: str, *, create: bool = False) -> None:
        """Takes the experiment; again does nothing. Where it has no run to keep a lease in, that waits until `create`.

        Raises:
            AnalysisLocked: another run has it, here or on another host.
        """
        self._lock.claim(experiment_id)
        if self._lease is not None:
            return
        if create or self._store.parent_run_id(experiment_id) is not None:
            parent = self._store.make_parent_run(experiment_id)  # also where there is one: all hosts must mean the same
            lease = Lease(self._store.files, parent, now=self._now, on_lost=self._on_lost)
            lease.acquire(experiment_id)
            self._lease = lease

    def release(self) -> None:
        """Gives it back."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None
        self._lock.release()
