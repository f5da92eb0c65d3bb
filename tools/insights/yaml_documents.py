"""Documents as YAML that a person likes to read: fields in the order of the model, long texts as blocks, nothing empty.

A field is left out only where it is absent or empty *and* that is its default, so a document reads back as it was written,
whatever defaults a later version has.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from ..errors import StoreError

M = TypeVar("M", bound=BaseModel)
Plain = str | int | float | bool | None | datetime | list["Plain"] | dict[str, "Plain"]

WIDTH = 110


def _without_aliases(_dumper: yaml.SafeDumper, _data: object) -> bool:
    return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


# PyYAML may have been built without its C library, which is ten times as fast.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BASE: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_DUMPER = cast("type[yaml.SafeDumper]", type("Dumper", (_BASE,), {"ignore_aliases": _without_aliases}))
_DUMPER.add_representer(str, _represent_text)


def to_yaml(document: BaseModel) -> str:
    """The document as YAML; equal documents give equal texts."""
    return yaml.dump(_plain(document), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=WIDTH)


def from_yaml(kind: type[M], text: str, *, where: str) -> M:
    """Reads a document of this kind.

    Args:
        kind: The model that it must fit.
        text: The YAML.
        where: What it is, for the error: "insights/analysis.yaml of run ...".

    Raises:
        StoreError: It isn't YAML, or doesn't fit the model.
    """
    try:
        return kind.model_validate(yaml.load(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        raise StoreError(f"{where} is not YAML: {str(error).splitlines()[0]}. Was it changed by hand?") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{where} is no {kind.__name__} of this version: {field}: {first['msg']}.") from error


def _plain(value: object) -> Plain:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields if not _is_left_out(value, name)}
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str):
        # Half a surrogate pair, as JSON may hold it, has no place in UTF-8.
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(f"no YAML for a {type(value).__name__}")


def _is_left_out(document: BaseModel, name: str) -> bool:
    field = type(document).model_fields[name]
    value: object = getattr(document, name)
    if field.is_required() or value not in (None, "", (), {}):
        return False
    return value == field.get_default(call_default_factory=True, validated_data={})
