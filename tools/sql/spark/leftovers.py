"""What earlier analyses left where files are copied to for Spark, and nobody needs any more.

Each that copies files there notes first which it needs, in a small file beside them. What no note of the last days names, and was
not copied lately itself, goes. Ages are told by the store's own clock; files that aren't ours are let alone.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

KEPT_S = 2 * 24 * 3600
"""How long what is needed is kept for those who noted it, as copies here are (`tools/traces/manifest.py`)."""

_OURS = re.compile(r"(traces|spans|assessments|clusters|kept)-[0-9a-f]{16,20}\.parquet")
_NOTE = re.compile(r"needed-[0-9a-f]{20}\.txt")


def note_needed(paths: Sequence[str], store: Any, root: str) -> str:
    """Notes in a folder of a store that these files are needed there; gives the note's name."""
    lines = "\n".join(sorted(Path(path).name for path in paths)).encode()
    name = f"needed-{sha256(lines).hexdigest()[:20]}.txt"
    with store.open_output_stream(f"{root}/{name}") as note:
        note.write(lines)
    return name


def remove_leftovers(store: Any, root: str, note: str) -> int:
    """Removes what nobody needs from the folder, and notes that have run out; `note` was written just now.

    Returns:
        How many Parquet files were removed.
    """
    from pyarrow import fs

    found = {info.base_name: info for info in store.get_file_info(fs.FileSelector(root)) if info.is_file}
    old = {name for name, info in found.items() if (found[note].mtime - info.mtime).total_seconds() > KEPT_S}
    notes = {name for name in found if _NOTE.fullmatch(name)}
    needed = {line for name in notes - old for line in _lines(store, f"{root}/{name}")}
    left = {name for name in old - needed if _OURS.fullmatch(name)}
    for name in sorted(left | (notes & old)):
        store.delete_file(f"{root}/{name}")
    return len(left)


def _lines(store: Any, path: str) -> list[str]:
    with store.open_input_stream(path) as note:
        return note.read().decode().splitlines()
