"""Env files as the set-up writes them: for their owner alone, never over one that is there."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ...tools.errors import UserError
from ...tools.links import masked_uri

SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|KEY$")
PLAIN = re.compile(r"[\w:/.@%+,=~?&-]+")


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Writes a new env file (0600).

    Raises:
        UserError: something is there already, a value has a line break, or it can't be written.
    """
    text = "".join(f"{line}\n" for line in as_lines(values))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UserError(f"{str(path)!r} is there already, and is never overwritten: choose another name.") from None
    except OSError as error:
        raise UserError(f"{str(path)!r} can't be written ({error.strerror}): choose another place.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def add_to_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Adds lines at the end of an env file; what is in it stays.

    Raises:
        UserError: it can't be written.
    """
    try:
        before = path.read_text(encoding="utf-8")
        separator = "" if not before or before.endswith("\n") else "\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(separator + "".join(f"{line}\n" for line in as_lines(values)))
    except OSError as error:
        raise UserError(
            f"{str(path)!r} can't be written ({error.strerror}): add {', '.join(as_lines(values))} yourself."
        ) from None


def as_lines(values: Mapping[str, str], *, masked: bool = False) -> list[str]:
    """The lines of an env file, quoted where they must be.

    Raises:
        UserError: a value has a line break.
    """
    return [f"{key}={_quoted(_masked(key, value) if masked else value)}" for key, value in values.items()]


def _masked(key: str, value: str) -> str:
    return "***" if SECRET.search(key) else masked_uri(value)


def _quoted(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise UserError("A value with a line break can't be kept in an env file: leave it out.")
    if PLAIN.fullmatch(value) or value == "***":
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
