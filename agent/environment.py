"""Settings from outside the command line: the environment and env files."""

import difflib
import io
from collections.abc import Collection, Mapping
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from ..tools.errors import UserError

PREFIX = "ANALYZE_EXPERIMENT_"
MLFLOW_KEYS = {
    "MLFLOW_TRACKING_URI": "tracking_uri",
    "MLFLOW_EXPERIMENT_ID": "experiment",
    "MLFLOW_EXPERIMENT_NAME": "experiment",
}
"""MLflow's own keys that we know; the id is the more exact of the two that name an experiment."""
NOTIFY_SECRET = PREFIX + "NOTIFY_SECRET"
"""The key that notifications are signed with: from the environment or an env file, where no list of processes shows it."""


class Source(IntEnum):
    """Where a setting can come from, the strongest first."""

    FLAG = 0
    CONFIG = 1
    ENVIRONMENT = 2
    ENV_FILE = 3
    DEFAULT = 4


class Given(NamedTuple):
    """A value as it was given, before it is understood."""

    value: object
    source: Source
    origin: str
    """The name under which it was given, and where; fit to begin an error with."""


def read_env_file(path: Path) -> dict[str, str]:
    """The keys of an env file. Values are taken as they are written: nothing is interpolated.

    Raises:
        UserError: the file isn't there or can't be read, or a line of it is no `NAME=value`.
    """
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(_text(path))):
        if binding.error or (binding.key is not None and binding.value is None):
            blank = binding.original.string[: len(binding.original.string) - len(binding.original.string.lstrip())]
            line = binding.original.line + blank.count("\n")
            raise UserError(f"Line {line} of {str(path)!r} is no NAME=value: correct it, or choose another file with --env-file.")
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"There is no env file {str(path)!r}: check --env-file.") from None
    except UnicodeDecodeError:
        raise UserError(f"The env file {str(path)!r} is not UTF-8 text: save it as UTF-8, or choose another.") from None
    except OSError as error:
        raise UserError(f"The env file {str(path)!r} can't be read ({error.strerror}): check --env-file.") from None
    if "\0" in text:
        raise UserError(f"The env file {str(path)!r} is not text: choose another with --env-file.")
    return text


def find_settings(values: Mapping[str, str], names: Collection[str], *, source: Source, place: str) -> dict[str, Given]:
    """Those of the values that are settings of ours, by name; an empty value counts as none.

    Raises:
        UserError: a key begins like ours but is none.
    """
    keys = {**{PREFIX + name.upper(): name for name in names}, **MLFLOW_KEYS}
    for key in sorted(values):
        if key.startswith(PREFIX) and key not in keys and key != NOTIFY_SECRET:
            raise UserError(f"Unknown setting {key!r} in {place}.{_suggestion(key, names)}")
    found: dict[str, Given] = {}
    for key, name in keys.items():
        if name not in found and values.get(key, "").strip():
            found[name] = Given(values[key].strip(), source, f"{key} in {place}")
    return found


def others(values: Mapping[str, str]) -> dict[str, str]:
    """Those of the values that aren't ours to judge: for MLflow and what it talks to."""
    return {
        key: value for key, value in values.items() if key == NOTIFY_SECRET or not (key.startswith(PREFIX) or key in MLFLOW_KEYS)
    }


def _suggestion(key: str, names: Collection[str]) -> str:
    known = [PREFIX + name.upper() for name in sorted(names)]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    return f" Did you mean {near[0]!r}?" if near else " `run-analysis --show-config` lists the settings."
