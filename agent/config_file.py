"""The file of `--config`: settings in YAML, for one scope or for several, each refused with its line where it isn't understood.

    tracking-uri: sqlite:////srv/mlflow.db
    since: last
    scopes:
      - name: support
        experiment: support-agent
        filter: tags['env'] = 'prod'
        fail-on: high

Keys are the options of the command line without their dashes in front; those above `scopes` are every scope's.
"""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

from ..tools.errors import UserError
from .environment import Given, Source

SCOPES, NAME = "scopes", "name"
NOT_HERE = frozenset({"config", "scope", "resume", "list", "demo", "debug"})
"""Settings of one run of the command, not of a scope."""

Nodes = list[tuple[yaml.Node, yaml.Node]]


@dataclass(frozen=True)
class ConfigScope:
    """One scope of the file, with what stands above all of them."""

    name: str
    given: Mapping[str, Given]


def read_config(path: Path, names: Collection[str]) -> list[ConfigScope]:
    """The scopes of a configuration; one without a name where the file has no `scopes`.

    Raises:
        UserError: the file can't be read, isn't YAML of this form, or has an unknown key, a key twice or a scope's name twice.
    """
    root = _parse(path)
    entries = _entries(root, path)
    shared = _settings([pair for pair in entries if pair[0].value != SCOPES], path, names)
    listed = next((value for key, value in entries if key.value == SCOPES), None)
    if listed is None:
        return [ConfigScope("", shared)]
    if not isinstance(listed, yaml.SequenceNode) or not listed.value:
        raise UserError(f"{_at(path, listed)}: `scopes` is a list of scopes, each with at least an experiment.")
    scopes = [_scope(node, path, names, shared) for node in cast("list[yaml.Node]", listed.value)]
    for place, scope in enumerate(scopes):
        if scope.name in {other.name for other in scopes[:place]}:
            raise UserError(f"{path}: two scopes are named {scope.name!r}: name them apart.")
    return scopes


def pick_scope(scopes: list[ConfigScope], wanted: str | None, path: Path) -> ConfigScope:
    """The one scope that a single analysis is about.

    Raises:
        UserError: there are several and none is named, or none has the name.
    """
    if wanted is not None and any(scope.name for scope in scopes):
        found = next((scope for scope in scopes if scope.name == wanted), None)
        if found is None:
            raise UserError(f"{path} has no scope {wanted!r}; it has {', '.join(scope.name for scope in scopes)}.")
        return found
    if len(scopes) > 1:
        named = ", ".join(scope.name for scope in scopes)
        raise UserError(
            f"{path} has several scopes ({named}): choose one with --scope, or `run-analysis batch {path}` works through all."
        )
    return scopes[0]


def _scope(node: yaml.Node, path: Path, names: Collection[str], shared: Mapping[str, Given]) -> ConfigScope:
    entries = _entries(node, path)
    named = next((value for key, value in entries if key.value == NAME), None)
    own = _settings([pair for pair in entries if pair[0].value != NAME], path, names)
    given = {**shared, **own}
    if named is not None:
        name = str(named.value)
    elif "experiment" in own:
        name = str(own["experiment"].value)
    else:
        raise UserError(f"{_at(path, node)}: a scope needs a name, or an experiment of its own to be named by.")
    return ConfigScope(name, {**given, "scope": Given(name, Source.CONFIG, f"'name' in {_at(path, node)}")})


def _settings(entries: Nodes, path: Path, names: Collection[str]) -> dict[str, Given]:
    known = {name.replace("_", "-"): name for name in names if name not in NOT_HERE}
    found: dict[str, Given] = {}
    for key, value in entries:
        name = known.get(str(key.value))
        if name is None:
            near = difflib.get_close_matches(str(key.value), known, n=1, cutoff=0.7)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known are {', '.join(sorted(known))}."
            raise UserError(f"{_at(path, key)}: unknown key {str(key.value)!r}.{hint}")
        found[name] = Given(_value(value, path), Source.CONFIG, f"{str(key.value)!r} in {_at(path, key)}")
    return found


def _value(node: yaml.Node, path: Path) -> object:
    """As an option would get it: a text, a switch, or a list of texts."""
    if isinstance(node, yaml.SequenceNode):
        items = cast("list[yaml.Node]", node.value)
        if all(isinstance(item, yaml.ScalarNode) for item in items):
            return [str(item.value) for item in items]
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    raise UserError(f"{_at(path, node)}: a value is a text, a number, true or false, or a list of texts.")


def _parse(path: Path) -> yaml.Node:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise UserError(f"There is no configuration {str(path)!r}: check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The configuration {str(path)!r} can't be read: {error}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
        raise UserError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}.") from None
    if root is None:
        raise UserError(f"The configuration {str(path)!r} is empty: docs/scheduling.md shows what it holds.")
    return root


def _entries(node: yaml.Node, path: Path) -> Nodes:
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{_at(path, node)}: keys and values are expected here, as in `experiment: support-agent`.")
    entries = cast(Nodes, node.value)
    seen: set[str] = set()
    for key, _ in entries:
        if str(key.value) in seen:
            raise UserError(f"{_at(path, key)}: the key {str(key.value)!r} stands twice.")
        seen.add(str(key.value))
    return entries


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}, line {node.start_mark.line + 1}"
