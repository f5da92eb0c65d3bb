"""What goes over the pipes between a service and its workers: frames of a JSON header and bytes.

A frame is four bytes of length, big-endian, the header as JSON, and as many bytes as the header's `bytes` says. To the worker:
`open` (with the catalog as bytes), `query` (with the SQL as bytes and `max_rows`), `keep` (with the SQL as bytes, the `name` of
an intermediate result and `max_bytes`). From the worker: `batch` (Arrow IPC), then one of `done` (of `keep` with `kept`), `error`
(`kind`, `message`).
"""

import json
import struct
from collections.abc import Callable
from typing import IO, NamedTuple

_LENGTH = struct.Struct(">I")

Header = dict[str, str | int]


class Frame(NamedTuple):
    """One message."""

    header: Header
    payload: bytes


def write_frame(stream: IO[bytes], header: Header, payload: bytes = b"") -> None:
    """Writes one frame and flushes.

    Raises:
        OSError: Nobody reads any more.
    """
    text = json.dumps({**header, "bytes": len(payload)}).encode()
    stream.write(_LENGTH.pack(len(text)) + text)
    stream.write(payload)
    stream.flush()


def read_frame(read: Callable[[int], bytes]) -> Frame:
    """Reads one frame.

    Args:
        read: Gives exactly that many bytes.

    Raises:
        EOFError: The other side is gone; by `read`.
    """
    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    header = json.loads(read(length))
    return Frame(header, read(header["bytes"]))
