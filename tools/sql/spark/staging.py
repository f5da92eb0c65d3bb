"""The snapshot's files where a Spark server can read them, when it doesn't see this machine's disk.

Files are named by their content, so one that is there is the same, and what was copied for one analysis serves the next. A copy
is there as a whole or not at all: object stores show an object when it is complete, elsewhere it is given its name then.
"""

import re
import threading
import uuid
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ...errors import EngineError, UserError
from ...links import masked_uri
from .leftovers import note_needed, remove_leftovers

AT_ONCE = 8
"""Files copied at the same time: a store over a network is waited for more than it is written to."""

_SCHEMES = {"s3a": "s3", "s3n": "s3"}
"""What Spark's connectors call a store, and Arrow's name for it."""
_PIECEMEAL = ("local", "hdfs")
"""Where a file is seen while it is written."""
_SECRET = re.compile(r"(?<=//)[^/@]*:[^/@]*@")
_one_at_a_time = threading.Lock()


class Folder(NamedTuple):
    """One folder that both sides reach."""

    here: str
    """Its address for whoever copies files there."""
    there: str
    """Its address for the server."""

    @property
    def shown(self) -> str:
        """Its address without what may be a secret."""
        return repr(masked_uri(self.here).split("?")[0])


def folder_of(files: str) -> Folder:
    """The folder that `--spark-files` names: `ADDRESS`, or `ADDRESS,ADDRESS-FOR-SPARK` where the server calls it otherwise.

    Spark is told it without `%20` and the like, which it doesn't decode. What stands behind a question mark
    (`?endpoint_override=...`), and a key in front of a bucket, are for copying alone.
    """
    here, _, there = files.partition(",")
    return Folder(here.strip(), (there.strip() or unquote(_SECRET.sub("", here.strip()).split("?")[0])).rstrip("/"))


def locate(paths: Sequence[str], files: str) -> list[str]:
    """Where the server finds each of the files that are copied there."""
    there = folder_of(files).there
    return [f"{there}/{Path(path).name}" for path in paths]


def stage(paths: Sequence[str], files: str, progress: Callable[[int, int], None] = lambda *_: None) -> None:
    """Copies the files that aren't there yet.

    Args:
        paths: Files here.
        files: Where they go, as `folder_of` reads it: `s3a://bucket/folder`, `gs://...`, `abfss://...`, `hdfs://...`, or
            `file:///shared/folder`.
        progress: Is told, in the thread that calls, how many of how many are copied; it may end the copying by raising.

    Raises:
        UserError: Nothing can be written to such an address.
        EngineError: The store can't be written.
    """
    folder = folder_of(files)
    with _one_at_a_time, _saying_ours(folder):  # several workers begin over the same files
        store, root = _open(folder)
        missing = _missing(paths, store, root)
        _copy_all(missing, store, root, progress)


def publish(paths: Sequence[str], files: str, progress: Callable[[int, int], None]) -> None:
    """The same for all files of an analysis at its beginning, which removes what earlier ones left and nobody needs any more.

    Raises:
        What `stage` raises.
    """
    folder = folder_of(files)
    with _saying_ours(folder):
        store, root = _open(folder)
        _make(store, root)
        note = note_needed(paths, store, root)
    stage(paths, files, progress)
    with _saying_ours(folder), suppress(FileNotFoundError):  # another removes the same
        remove_leftovers(store, root, note)


@contextmanager
def _saying_ours(folder: Folder) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"The traces can't be copied to --spark-files {folder.shown} for Spark to read: {masked_uri(str(error))}"
        ) from error


def _open(folder: Folder) -> tuple[Any, str]:
    from pyarrow import ArrowException, fs

    scheme = urlsplit(folder.here).scheme
    try:
        store, root = fs.FileSystem.from_uri(folder.here.replace(f"{scheme}:", f"{_SCHEMES.get(scheme, scheme)}:", 1))
    except (ArrowException, ValueError) as error:
        raise UserError(
            f"--spark-files {folder.shown} can't be written to: say s3a://bucket/folder, gs://..., abfss://..., hdfs://... or "
            f"file:///folder; where Spark calls it otherwise, that behind a comma. ({masked_uri(str(error))})"
        ) from None
    return store, root.rstrip("/")


def _missing(paths: Sequence[str], store: Any, root: str) -> list[Path]:
    """The files that aren't there, or not as long as here."""
    from pyarrow import fs

    found = store.get_file_info(fs.FileSelector(root, allow_not_found=True))
    present = {info.base_name: info.size for info in found if info.is_file}
    return [path for path in map(Path, paths) if present.get(path.name) != path.stat().st_size]


def _copy_all(missing: Sequence[Path], store: Any, root: str, progress: Callable[[int, int], None]) -> None:
    if missing:
        _make(store, root)
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        copies = [pool.submit(_copy, path, store, f"{root}/{path.name}") for path in missing]
        for done, copy in enumerate(as_completed(copies), start=1):
            copy.result()
            progress(done, len(missing))
    finally:
        pool.shutdown(cancel_futures=True)


def _make(store: Any, root: str) -> None:
    if store.type_name in _PIECEMEAL:
        store.create_dir(root, recursive=True)


def _copy(path: Path, store: Any, target: str) -> None:
    from pyarrow import fs

    whole = store.type_name not in _PIECEMEAL
    written = target if whole else f"{target}.{uuid.uuid4().hex}.unfinished"
    fs.copy_files(str(path), written, source_filesystem=fs.LocalFileSystem(), destination_filesystem=store)
    if not whole:
        store.move(written, target)
