"""What the agent does, at a glance: paths, writes, endings."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby

from ..traces.texts import parsed
from .facts import Call, Facts, TraceFacts
from .glance import Entry, Glance, examples, line

MOST_ALIKE = 12
"""Traces with the same first id beyond which it is no subject but a constant."""
SUBJECT = re.compile(r"(^|_)(id|ids|email|user|customer|order|account|ticket|case|number|url|path|file)$", re.IGNORECASE)
STEPS = 14
"""Steps of a path that are shown; of a longer one the first and the last."""
DONE = re.compile(
    r"\b(has|have|had|was|were|is|are) (now )?(been )?(successfully )?"
    r"(cancel+ed|booked|changed|updated|modified|refunded|issued|sent|created|deleted|added|removed|exchanged|returned|processed|"
    r"upgraded|submitted|scheduled|transferred|reset|fixed|saved|applied)\b|\bI(?:'ve| have) (now |successfully )*\w+ed\b",
    re.IGNORECASE,
)


def siblings(facts: Facts) -> Glance:
    """Traces with the same request side by side; those that part ways most come first."""
    groups: dict[str, list[TraceFacts]] = defaultdict(list)
    for trace in facts.traces:
        if trace.request_hash and len(trace.request) >= 15:
            groups[trace.request_hash].append(trace)
    repeated = sorted(
        (each for each in groups.values() if len(each) > 1),
        key=lambda group: (
            -len({written(trace) for trace in group}),
            -len({path(trace.calls) for trace in group}),
            group[0].trace_id,
        ),
    )
    disagreeing = sum(len({written(trace) for trace in group}) > 1 for group in repeated)
    head = (
        f"# The same request again: {len(repeated):,} requests in {sum(map(len, repeated)):,} of {facts.of_what}.\n"
        f"In {disagreeing:,} of them the traces change different things: what differs between siblings isn't in the request."
    )
    return Glance(head, tuple(_group_entry(f"request: {line(group[0].request, 160)}", group) for group in repeated))


def _group_entry(title: str, group: Sequence[TraceFacts]) -> Entry:
    lines = [f"\n{title}", *(text for trace in group[:5] for text in outcome_lines(trace))]
    return Entry("\n".join(lines), tuple(trace.trace_id for trace in group[:5]))


def outcome_lines(trace: TraceFacts, *, changes: int = 200, ended: int = 160) -> list[str]:
    """What a trace did, what it changed and how it ended, to be set beside others; each change and the end cut to so much."""
    changed = "; ".join(line(f"{call.name}{call.given}{' FAILED' if call.failed else ''}", changes) for call in trace.writes[:5])
    return [
        f"  {trace.trace_id} {trace.state}: {path(trace.calls) or 'no tools'}",
        f"    changed: {changed or 'nothing'}",
        f"    ended: {line(trace.response, ended) or '(no answer)'}",
    ]


def same_subject(facts: Facts) -> Glance:
    """Traces about the same customer, order or document side by side: what one did for it, another may have left undone."""
    groups: dict[str, list[TraceFacts]] = defaultdict(list)
    for trace in facts.traces:
        if subject := subject_of(trace):
            groups[subject].append(trace)
    several = sorted(
        ((subject, group) for subject, group in groups.items() if 2 <= len(group) <= MOST_ALIKE),
        key=lambda item: (-len({written(trace) for trace in item[1]}), -len(item[1]), item[0]),
    )
    head = (
        f"# About the same subject: {len(several):,} subjects of {sum(len(group) for _, group in several):,} of {facts.of_what}."
    )
    return Glance(head, tuple(_group_entry(f"subject: {line(subject, 120)}", group) for subject, group in several))


def subject_of(trace: TraceFacts) -> str:
    """The first id that a tool is given, with its key; empty where none is."""
    for call in trace.calls:
        value = parsed(call.given)
        for key, found in sorted(value.items()) if isinstance(value, dict) else []:
            if isinstance(found, str) and SUBJECT.search(key) and re.search(r"\d", found):
                return f"{key} {found}"
    return ""


def tool_sequences(facts: Facts) -> Glance:
    """Paths through the tools, calls in a row taken together; the commonest first, then how often each tool is used."""
    paths: dict[str, list[str]] = defaultdict(list)
    used: Counter[str] = Counter()
    for trace in facts.traces:
        paths[path(trace.calls) or "no tools"].append(trace.trace_id)
        used.update({call.name for call in trace.calls})
    ranked = sorted(paths.items(), key=lambda item: (-len(item[1]), item[0]))
    listed = ", ".join(f"{name} {count}" for name, count in used.most_common(30))
    head = f"# Paths through the tools in {facts.of_what}: {len(paths):,} different ones.\nused by: {listed or 'none'}"
    return Glance(
        head, tuple(Entry(f"{len(ids)}x {shown}  e.g. {examples(ids, 1)[0]}", examples(ids, 1)) for shown, ids in ranked)
    )


def writes(facts: Facts) -> Glance:
    """Each change with the words of the user that came last before it: was it asked for, and confirmed?"""
    changes = [(trace, call) for trace in facts.traces for call in trace.writes]
    kinds = Counter(call.name for _, call in changes)
    listed = ", ".join(f"{name} {count}" for name, count in kinds.most_common(20))
    head = f"# What was changed in {facts.of_what}: {len(changes):,} calls ({listed or 'none'})."
    return Glance(head, tuple(_write_entry(trace, call) for trace, call in _spread(changes)))


def _write_entry(trace: TraceFacts, call: Call) -> Entry:
    gave = f"FAILED: {line(call.gave, 120)}" if call.failed else "ok"
    return Entry(
        f"{trace.trace_id} user: {line(trace.asked_before(call.position), 140)}\n  {call.name} {line(call.given, 260)} → {gave}",
        (trace.trace_id,),
    )


def _spread(changes: Sequence[tuple[TraceFacts, Call]]) -> list[tuple[TraceFacts, Call]]:
    """One of each tool in turn, so that the commonest doesn't fill the page."""
    by_tool: dict[str, list[tuple[TraceFacts, Call]]] = defaultdict(list)
    for trace, call in changes:
        by_tool[call.name].append((trace, call))
    longest = max(map(len, by_tool.values()), default=0)
    return [found[place] for place in range(longest) for _, found in sorted(by_tool.items()) if place < len(found)]


def action_claims(facts: Facts) -> Glance:
    """Final answers that say something was done, in traces that called nothing that changes anything, or only failing calls."""
    claiming = [
        (trace, found[0])
        for trace in facts.traces
        if (found := _claims(trace.response)) and not any(not call.failed for call in trace.writes)
    ]
    head = f"# Says it was done, and nothing was changed: {len(claiming):,} of {facts.of_what}."
    return Glance(
        head,
        tuple(
            Entry(f"{trace.trace_id} {path(trace.calls) or 'no tools'}\n  says: {line(said, 200)}", (trace.trace_id,))
            for trace, said in claiming
        ),
    )


def _claims(response: str) -> list[str]:
    return [sentence for sentence in sentences(response) if DONE.search(sentence) and "?" not in sentence]


def last_turns(facts: Facts) -> Glance:
    """The end of each trace, those that wrote something first."""
    entries = [
        Entry(
            f"{trace.trace_id} {trace.state}, {len(trace.calls)} calls; user: {line(_last_said(trace), 110)}\n"
            f"  agent: {line(trace.response, 150) or '(no answer)'}",
            (trace.trace_id,),
        )
        for trace in sorted(facts.traces, key=lambda each: (not each.writes, each.trace_id))
    ]
    return Glance(f"# How traces end: {facts.of_what}.", tuple(entries))


def _last_said(trace: TraceFacts) -> str:
    said = [each.text for each in trace.said if each.role in {"user", "human"}]
    return said[-1] if said else trace.request


def path(calls: Sequence[Call]) -> str:
    """`find_user > get_order x3 > cancel_order!`: calls in a row together, an exclamation mark where one failed."""
    steps = [
        f"{name}{'!' if any(call.failed for call in run) else ''}{f' x{len(run)}' if len(run) > 1 else ''}"
        for name, run in ((name, list(found)) for name, found in groupby(calls, key=lambda call: call.name))
    ]
    if len(steps) > STEPS:
        half = STEPS // 2
        steps = [*steps[:half], f"… {len(steps) - STEPS} more …", *steps[-half:]]
    return " > ".join(steps)


def written(trace: TraceFacts) -> tuple[tuple[str, str], ...]:
    """What it changed, in a form that can be compared: each tool with its arguments, without what failed."""
    return tuple(sorted((call.name, call.given) for call in trace.writes if not call.failed))


def sentences(text: str) -> list[str]:
    """A text's sentences and lines."""
    return [each.strip() for each in re.split(r"(?<=[.!?])\s+|\n+", text) if each.strip()]
