"""The copies of traces in a cache folder: what there is, and how it is removed."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import AnalysisLocked, StoreError
from ..insights.locks import any_experiment_held
from .manifest import NAME, Manifest

_FOLDER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Copy:
    """One copy of an experiment's traces."""

    folder: Path
    traces: int
    bytes: int
    used: datetime
    """When it was last brought up to date, UTC."""


def list_copies(cache: Path) -> list[Copy]:
    """The copies in a cache folder, the one used last first."""
    return sorted(_copies(cache), key=lambda each: (each.used, each.folder), reverse=True)


def clear_copies(cache: Path) -> list[Copy]:
    """Removes the copies in a cache folder, and returns those that were removed; one that is being made is left.

    Raises:
        AnalysisLocked: an analysis is running on this host, and reads its copy.
        StoreError: one can't be removed.
    """
    if any_experiment_held():
        raise AnalysisLocked("An analysis is running and reads its copy: wait for it, or stop it.")
    removed: list[Copy] = []
    for copy in list_copies(cache):
        try:
            with FileLock(copy.folder / "lock", timeout=0):
                shutil.rmtree(copy.folder)
        except Timeout:
            continue
        except OSError as error:
            raise StoreError(f"The copy {str(copy.folder)!r} can't be removed: {error.strerror}.") from error
        removed.append(copy)
    return removed


def _copies(cache: Path) -> Iterator[Copy]:
    for folder in cache.iterdir() if cache.is_dir() else ():
        if _FOLDER.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            files = [path.stat() for path in folder.rglob("*") if path.is_file()]
            marks = [path.stat().st_mtime for path in (folder / NAME, folder / "lock", folder) if path.exists()]
            traces = sum(window.traces for window in Manifest.read(folder).windows)
            used = datetime.fromtimestamp(max(marks), UTC)
            yield Copy(folder, traces, sum(each.st_size for each in files), used)
