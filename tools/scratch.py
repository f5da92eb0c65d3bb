"""Folders for what is needed for a while only: private to their owner, gone with whoever made them, however that ended.

They hold rows of traces and documents of the memory. A folder is removed by its maker; what makers that were killed have left is
removed by the next one. The lock on a folder tells whether its maker lives: the system gives it back with the process.
"""

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PREFIX = "analyze-experiment-scratch-"
YOUNG_S = 60
"""A folder may be without its lock for so long: it may be just made."""


class ScratchFolder:
    """A new folder in the system's temporary one, open to its owner only. A context manager; closing it again does nothing."""

    def __init__(self) -> None:
        """Makes it, and removes those whose makers are dead."""
        remove_abandoned()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._held: int | None = os.open(self.path, os.O_RDONLY)
        with suppress(OSError):  # where a folder can't be locked, nobody removes another's
            fcntl.flock(self._held, fcntl.LOCK_EX)

    def close(self) -> None:
        """Removes it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        held, self._held = self._held, None
        if held is not None:
            os.close(held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def remove_abandoned() -> None:
    """Removes the folders of this user whose makers ended without doing so."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody's who lives, or gone meanwhile
            if _may_be_abandoned(folder):
                _remove_unless_held(folder)


def _may_be_abandoned(folder: Path) -> bool:
    about = folder.lstat()
    return about.st_uid == os.getuid() and time.time() - about.st_mtime > YOUNG_S


def _remove_unless_held(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where its maker lives
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)
