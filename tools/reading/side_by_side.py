"""Two groups of traces side by side: which steps, failures, endings and circumstances part them, with n of N in each.

It points at what may explain a difference. The figures are of at most so many traces of a group; a figure in a report comes
from a plan.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..census.literals import quote
from ..workbench import Workbench
from .contents import failure_message, refuses
from .facts import TraceFacts, gather_these
from .glance import Entry, Glance, examples, line, masked

ROWS = 40
"""Features that are listed, those that part the groups most."""
LEAST_GAP = 0.05
"""Difference of the shares below which a feature parts nothing."""
MESSAGE_CHARS = 100
USERS = frozenset({"user", "human"})

CIRCUMSTANCES = """
SELECT x.trace_id AS trace_id, x.what AS what FROM (
  SELECT t.trace_id, concat('version ', t.version) AS what FROM traces AS t WHERE t.version IS NOT NULL
  UNION ALL SELECT s.trace_id, concat('model ', s.model) AS what FROM spans AS s WHERE s.model IS NOT NULL
  UNION ALL SELECT g.trace_id, concat('tag ', g.key, ' = ', substring(g.value, 1, 60)) AS what FROM (
    SELECT t.trace_id, key, value FROM traces AS t LATERAL VIEW explode(t.tags) e AS key, value) AS g
    WHERE g.key NOT LIKE 'mlflow.%'
) AS x WHERE x.trace_id IN ({ids}) GROUP BY 1, 2 ORDER BY 1, 2
"""


class Group(NamedTuple):
    """Traces, and what they are called."""

    name: str
    trace_ids: Sequence[str]


def side_by_side(bench: Workbench, one: Group, other: Group) -> Glance:
    """What is more frequent in one group than in the other; the largest differences come first. Nothing is linked yet."""
    facts = [gather_these(bench, group.trace_ids) for group in (one, other)]
    head = "\n".join(_head(group, found) for group, found in zip((one, other), facts, strict=True))
    if not all(facts):
        return Glance(f"{head}\n(there is nothing to compare)", ())
    circumstances = _circumstances(bench, [each.trace_id for found in facts for each in found])
    carriers = [_carriers(found, circumstances) for found in facts]
    features = sorted({*carriers[0], *carriers[1]}, key=lambda name: (-abs(_gap(name, carriers, facts)), name))
    parting = [name for name in features if abs(_gap(name, carriers, facts)) >= LEAST_GAP][:ROWS]
    return Glance(head, tuple(_row(name, carriers, facts) for name in parting))


def _head(group: Group, facts: Sequence[TraceFacts]) -> str:
    drawn = f", {len(facts):,} of them drawn" if len(facts) < len(group.trace_ids) else ""
    medians = {
        "calls": _median([len(each.calls) for each in facts]),
        "changes": _median([len(each.writes) for each in facts]),
        "messages of users": _median([sum(said.role in USERS for said in each.said) for each in facts]),
    }
    listed = ", ".join(f"{name} {median}" for name, median in medians.items())
    return f"# {group.name}: {len(group.trace_ids):,} traces{drawn}; medians: {listed}"


def _circumstances(bench: Workbench, trace_ids: Iterable[str]) -> dict[str, list[str]]:
    """Version, models and tags of each trace."""
    found: dict[str, list[str]] = defaultdict(list)
    sql = CIRCUMSTANCES.format(ids=", ".join(map(quote, trace_ids)))
    for row in bench.query(sql, title="Circumstances of two groups").to_pylist():
        found[str(row["trace_id"])].append(line(str(row["what"]), MESSAGE_CHARS))
    return found


def _row(name: str, carriers: Sequence[dict[str, list[str]]], facts: Sequence[Sequence[TraceFacts]]) -> Entry:
    shares = " against ".join(f"{len(held.get(name, ()))} of {len(found)}" for held, found in zip(carriers, facts, strict=True))
    ids = examples(carriers[0].get(name) or carriers[1][name], 1)
    return Entry(f"{name}: {shares}  e.g. {ids[0]}", ids)


def _gap(name: str, carriers: Sequence[dict[str, list[str]]], facts: Sequence[Sequence[TraceFacts]]) -> float:
    one, other = (len(held.get(name, ())) / len(found) for held, found in zip(carriers, facts, strict=True))
    return one - other


def _carriers(facts: Iterable[TraceFacts], circumstances: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The traces that have each feature."""
    found: dict[str, list[str]] = defaultdict(list)
    for trace in facts:
        for feature in {*_features(trace), *circumstances.get(trace.trace_id, ())}:
            found[feature].append(trace.trace_id)
    return found


def _features(trace: TraceFacts) -> Iterator[str]:
    """What can be said of a trace without reading it."""
    yield f"state {trace.state}"
    for feature, has in FEATURES.items():
        if has(trace):
            yield feature
    names = [call.name for call in trace.calls]
    for name in set(names):
        yield f"calls {name}"
        if names.count(name) > 1:
            yield f"calls {name} more than once"
    for call in trace.calls:
        if call.failed:
            yield f"{call.name} fails: {line(masked(failure_message(call)), MESSAGE_CHARS)}"
    for before, after in zip(trace.calls, trace.calls[1:], strict=False):
        yield f"{before.name}{' that fails' if before.failed else ''} is followed by {after.name}"
    if trace.calls:
        yield f"the last call is {trace.calls[-1].name}"


FEATURES: dict[str, Callable[[TraceFacts], bool]] = {
    "calls no tool": lambda trace: not trace.calls,
    "changes nothing": lambda trace: not trace.writes,
    "changes more than one thing": lambda trace: len(trace.writes) > 1,
    "a call fails": lambda trace: any(call.failed for call in trace.calls),
    "the same call with the same arguments twice in a row": lambda trace: any(
        (one.name, one.given) == (two.name, two.given) for one, two in zip(trace.calls, trace.calls[1:], strict=False)
    ),
    "says that something can't be done": lambda trace: refuses(trace.response),
    "ends with a question": lambda trace: trace.response.rstrip().endswith("?"),
    "has no answer": lambda trace: not trace.response.strip(),
}


def _median(numbers: Sequence[int]) -> str:
    ordered = sorted(numbers)
    return f"{ordered[len(ordered) // 2]}" if ordered else "-"
