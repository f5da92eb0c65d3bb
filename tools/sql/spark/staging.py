"""The snapshot's files where a Spark server can read them, when it doesn't see this machine's disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import EngineError, UserError

_SCHEMES = {"s3a": "s3", "s3n": "s3", "abfss": "abfs", "wasbs": "abfs"}
"""What Spark's connectors call a store, and Arrow's name for it."""


def stage(paths: Sequence[str], root: str) -> list[str]:
    """Copies files that aren't there yet; they are named by their content, so one that is there is the same.

    Args:
        paths: Files here.
        root: Where they go: `s3a://bucket/folder`, `gs://...`, `abfss://...`, `hdfs://...`, or `file:///shared/folder`.

    Returns:
        Where the server finds each.

    Raises:
        UserError: Nothing can be written to such an address.
        EngineError: The store can't be written.
    """
    files, folder = _open(root)
    try:
        files.create_dir(folder, recursive=True)
        present = _sizes(files, folder)
        for path in map(Path, paths):
            if present.get(path.name) != path.stat().st_size:
                _copy(path, files, f"{folder}/{path.name}")
    except OSError as error:
        raise EngineError(f"The traces can't be copied to --spark-files {root!r} for Spark to read: {error}") from error
    return [f"{root.rstrip('/')}/{Path(path).name}" for path in paths]


def _open(root: str) -> tuple[Any, str]:
    from pyarrow import ArrowException, fs

    scheme = urlsplit(root).scheme
    try:
        files, folder = fs.FileSystem.from_uri(root.replace(f"{scheme}:", f"{_SCHEMES.get(scheme, scheme)}:", 1))
    except (ArrowException, ValueError) as error:
        raise UserError(
            f"--spark-files {root!r} can't be written to: say s3a://bucket/folder, gs://..., abfss://..., hdfs://... or "
            f"file:///folder. ({error})"
        ) from error
    return files, folder.rstrip("/")


def _sizes(files: Any, folder: str) -> dict[str, int]:
    from pyarrow import fs

    return {info.base_name: info.size for info in files.get_file_info(fs.FileSelector(folder)) if info.is_file}


def _copy(path: Path, files: Any, target: str) -> None:
    """An unfinished copy is shorter than the file, so it is made again."""
    from pyarrow import fs

    fs.copy_files(str(path), target, source_filesystem=fs.LocalFileSystem(), destination_filesystem=files)
