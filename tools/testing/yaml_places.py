"""YAML files that people write: read into a model, with file, line and key of what is wrong."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ..errors import UserError

M = TypeVar("M", bound=BaseModel)

LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""Libyaml where it is there: an order of magnitude faster."""


def read_model(kind: type[M], path: Path, *, empty: str) -> M:
    """Reads a file.

    Args:
        kind: The model that it must fit.
        path: The file.
        empty: Where an empty file's writer is sent to.

    Raises:
        UserError: the file can't be read, isn't YAML, or doesn't fit the model.
    """
    try:
        node, data = _parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: it can't be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError(f"{_place(path, mark)}: not valid YAML: {getattr(error, 'problem', None) or error}.") from error
    if node is None:
        raise UserError(f"{path}: the file is empty; {empty}.")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or kind.__name__.lower()
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{_place(path, _mark_of(node, first['loc']))}: {key}: {message}.") from error


def _parse(text: str) -> tuple[yaml.Node | None, object]:
    """The tree of a YAML text, which knows its lines, and what it says."""
    loader = LOADER(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _place(path: Path, mark: yaml.Mark | None) -> str:
    return str(path) if mark is None else f"{path}, line {mark.line + 1}"


def _mark_of(node: yaml.Node, place: tuple[int | str, ...]) -> yaml.Mark:
    """Where the deepest part of a place begins; parts that only the model knows (a union's tag) are passed over."""
    mark = node.start_mark
    for part in place:
        child = _child(node, part)
        if child is not None:
            mark, node = child
    return mark


def _child(node: yaml.Node, part: int | str) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark, value) for key, value in node.value if key.value == part), None)
    return None
