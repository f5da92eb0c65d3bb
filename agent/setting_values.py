"""What the text of a setting means: times, paths, addresses, lists, prices, as they are written in a flag, a key or a file."""

import os
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from ..tools.insights.models import Severity


class Frame(NamedTuple):
    """What relative values start from."""

    cwd: Path
    now: datetime


def _since(value: object, frame: Frame) -> object:
    return "last" if str(value).strip().lower() == "last" else _instant(value, frame)


def _last(value: object, frame: Frame) -> datetime:
    text = str(value).strip().lower()
    if not re.fullmatch(r"\d*[1-9]\d*[wdhm]", text):
        raise ValueError(f"{text!r} is no length of time: say 7d, 24h or 90m.")
    return _instant(text, frame)


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


def _instant(value: object, frame: Frame) -> datetime:
    text = str(value).strip()
    age = re.fullmatch(r"(\d+)([wdhm])", text.lower())
    try:
        if age:
            return frame.now.astimezone(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: say 2026-11-01, 2026-11-01T08:30 (UTC), or how long ago: 7d, 24h, 90m.") from None


def read_path(value: object, frame: Frame) -> Path:
    """A path; a relative one starts in the current folder.

    Raises:
        ValueError: the home folder that it begins with is unknown.
    """
    try:
        return frame.cwd / Path(str(value)).expanduser()
    except RuntimeError:
        raise ValueError(f"the home folder in {str(value)!r} is unknown: write the path out.") from None


def _report(value: object, frame: Frame) -> Path:
    path = read_path(value, frame)
    if path.is_dir():
        raise ValueError(f"{str(path)!r} is a folder: say which file in it.")
    return path


def _playbook(value: object, frame: Frame) -> tuple[Path, ...]:
    folders = tuple(read_path(part, frame) for part in _parts(value, os.pathsep))
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"there is no folder {str(folder)!r}: check the path.")
    return folders


def _address(value: object, frame: Frame) -> str:
    parts = urlsplit(str(value).strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it isn't the address of a web service: say https://...")
    return str(value).strip()


def _focus(value: object, frame: Frame) -> tuple[str, ...]:
    return tuple(_parts(value, ";"))


def _parts(value: object, separator: str) -> list[str]:
    """A repeated option is a list already; a key of an environment holds several with a separator between."""
    parts = value.split(separator) if isinstance(value, str) else cast(Iterable[object], value)
    return [str(part).strip() for part in parts if str(part).strip()]


def _prices(value: object, frame: Frame) -> tuple[str, ...]:
    entries = tuple(_parts(value, ";"))
    for entry in entries:
        if not re.fullmatch(r"[^=]+=\d+(\.\d+)?/\d+(\.\d+)?(/\d+(\.\d+)?)?", entry):
            raise ValueError(f"{entry!r} is no price: say MODEL=IN/OUT in USD for a million tokens, as in small=0.25/2.00.")
    return entries


def _severity(value: object, frame: Frame) -> str:
    if str(value).upper() not in list(Severity):
        raise ValueError(f"{value!r} is no severity: say {', '.join(Severity)}.")
    return str(value).upper()


READERS: dict[str, Callable[[object, Frame], object]] = {
    "focus": _focus,
    "since": _since,
    "last": _last,
    "until": _instant,
    "report": _report,
    "playbook": _playbook,
    "cache": read_path,
    "config": read_path,
    "notify": _address,
    "fail_on": _severity,
    "price": _prices,
}
"""Per setting that isn't taken as it stands what reads it; each raises `ValueError` with what to say instead."""
