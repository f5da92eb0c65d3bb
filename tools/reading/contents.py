"""What is passed around, at a glance: arguments, failures, refusals, numbers."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from ..testing.outcomes import REFUSES
from ..traces.texts import Json, parsed
from .behaviours import sentences
from .facts import Call, Facts, TraceFacts
from .glance import Entry, Glance, examples, line, masked

COMMON_VALUES = 4
AMOUNT = re.compile(r"(?<![\w.#/-])[$€£]?\s?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\w/-])")
PRICE = re.compile(
    r'(?:price|amount|cost|total|fee|balance|paid|rate)\w*\\*"\s*:\s*\\*"?[$€£]?\s*(\d[\d,]*(?:\.\d+)?)', re.IGNORECASE
)
REFUSAL = re.compile(REFUSES)


def argument_shapes(facts: Facts) -> Glance:
    """Per tool which keys it is given, with the kind and the common values of each; rare shapes with a trace."""
    given: dict[str, list[tuple[str, dict[str, Json]]]] = defaultdict(list)
    for trace in facts.traces:
        for call in trace.calls:
            value = parsed(call.given)
            given[call.name].append((trace.trace_id, value if isinstance(value, dict) else {"": value}))
    ranked = sorted(given.items(), key=lambda item: (-len(item[1]), item[0]))
    head = f"# What tools are given in {facts.of_what}."
    return Glance(head, tuple(_tool_entry(name, calls) for name, calls in ranked))


def _tool_entry(name: str, calls: Sequence[tuple[str, dict[str, Json]]]) -> Entry:
    shapes: dict[tuple[str, ...], list[str]] = defaultdict(list)
    values: dict[str, list[Json]] = defaultdict(list)
    for trace_id, arguments in calls:
        shapes[tuple(sorted(arguments))].append(trace_id)
        for key, value in arguments.items():
            values[key].append(value)
    lines = [f"\n{name}: {len(calls):,} calls"]
    lines += [f"  {key or '(text)'}: {_values(found, len(calls))}" for key, found in sorted(values.items())]
    ordered = sorted(shapes.items(), key=lambda item: -len(item[1]))
    shown: list[str] = []
    for keys, ids in ordered[1:4]:
        shown += examples(ids, 1)
        lines.append(f"  {len(ids)} calls with only ({', '.join(keys) or 'nothing'}), e.g. {examples(ids, 1)[0]}")
    return Entry("\n".join(lines), tuple(shown))


def _values(values: Sequence[Json], calls: int) -> str:
    texts = Counter(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values)
    kinds = Counter(_kind(value) for value in values)
    absent = f", absent in {calls - len(values)}" if len(values) < calls else ""
    kind = "/".join(name for name, _ in kinds.most_common(3))
    if len(texts) > max(12, len(values) // 3):
        lengths = [len(value) for value in values if isinstance(value, list)]
        span = f", {min(lengths)} to {max(lengths)} items" if lengths else _range(values)
        return f"{kind}, {len(texts):,} different{span}, e.g. {line(next(iter(texts)), 50)}{absent}"
    common = ", ".join(f"{line(text, 40)} {count}" for text, count in texts.most_common(COMMON_VALUES))
    more = f", {len(texts) - COMMON_VALUES} more" if len(texts) > COMMON_VALUES else ""
    return f"{kind}: {common}{more}{absent}"


def _range(values: Sequence[Json]) -> str:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return f", {min(numbers):g} to {max(numbers):g}" if numbers else ""


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    return {"str": "text", "dict": "object", "list": "list", "bool": "yes/no"}.get(type(value).__name__, "number")


def failure_templates(facts: Facts) -> Glance:
    """What failing tools say, alike ones together, and which call came next."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for trace in facts.traces:
        for place, call in enumerate(trace.calls):
            if call.failed:
                after = trace.calls[place + 1] if place + 1 < len(trace.calls) else None
                again = "same call again" if after and (after.name, after.given) == (call.name, call.given) else None
                step = again or (f"then {after.name}" if after else "no further call")
                found[call.name, line(masked(failure_message(call)), 160)].append((trace.trace_id, step))
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    total = sum(map(len, found.values()))
    traces = len({trace_id for each in found.values() for trace_id, _ in each})
    return Glance(
        f"# What failing tools say: {total:,} failures in {traces:,} of {facts.of_what}.",
        tuple(_failure_entry(name, message, each) for (name, message), each in ranked),
    )


def failure_message(call: Call) -> str:
    """What a failing call says: the text, or that of the keys that hold errors; the whole output where there is none."""
    value = parsed(call.gave)
    if isinstance(value, dict):
        said = [value[key] for key in ("error", "message", "detail", "reason") if value.get(key)]
        value = next((each for each in said if isinstance(each, str)), call.gave)
    return value if isinstance(value, str) else call.gave


def _failure_entry(name: str, message: str, found: Sequence[tuple[str, str]]) -> Entry:
    steps = ", ".join(f"{step} {count}" for step, count in Counter(step for _, step in found).most_common(3))
    ids = examples(trace_id for trace_id, _ in found)
    return Entry(f"{len(found)}x {name}: {message}\n  {steps}; e.g. {', '.join(ids)}", ids)


def refusal_templates(facts: Facts) -> Glance:
    """Sentences with which the agent says that it can't or won't, alike ones together, with how the trace went on."""
    found: dict[str, list[TraceFacts]] = defaultdict(list)
    for trace in facts.traces:
        said = [*(each.text for each in trace.said if each.role in {"assistant", "ai", "model"}), trace.response]
        for template in {
            line(masked(sentence), 150) for text in said for sentence in sentences(text) if REFUSAL.search(sentence.lower())
        }:
            found[template].append(trace)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    traces = len({trace.trace_id for each in found.values() for trace in each})
    return Glance(
        f"# How the agent refuses: {traces:,} of {facts.of_what} say that something can't be done.",
        tuple(_refusal_entry(template, each) for template, each in ranked),
    )


def refuses(text: str) -> bool:
    """Whether a text says that something can't be done."""
    return REFUSAL.search(text.lower()) is not None


def _refusal_entry(template: str, found: Sequence[TraceFacts]) -> Entry:
    ids = examples(trace.trace_id for trace in found)
    wrote = sum(bool(trace.writes) for trace in found)
    return Entry(f"{len(found)}x {template}\n  {wrote} of them change something all the same; e.g. {', '.join(ids)}", ids)


def unsupported_numbers(facts: Facts) -> Glance:
    """Amounts in what the agent says that stand in nothing it was given, and aren't the sum or difference of two of these."""
    entries: list[Entry] = []
    checked = 0
    for trace in facts.traces:
        claims = _claimed_amounts(trace)
        checked += bool(claims)
        known, prices = _numbers(_given_texts(trace)), _prices(_given_texts(trace))
        odd = [(amount, sentence) for amount, sentence in claims if not _explained(amount, known, prices)]
        if odd:
            shown = "\n".join(f"  {amount:g} in: {line(sentence, 170)}" for amount, sentence in odd[:3])
            entries.append(Entry(f"{trace.trace_id} {len(odd)} of {len(claims)} amounts\n{shown}", (trace.trace_id,)))
    head = (
        f"# Amounts that nothing supports: in {len(entries):,} of {checked:,} traces with amounts ({facts.of_what}).\n"
        "Neither in a tool's result, a request or an instruction, nor a multiple of such, the sum or difference of two prices."
    )
    return Glance(head, tuple(entries))


def _claimed_amounts(trace: TraceFacts) -> list[tuple[float, str]]:
    said = [each.text for each in trace.said if each.role in {"assistant", "ai", "model"}] or [trace.response]
    claims: dict[float, str] = {}
    for text in said:
        for sentence in sentences(text):
            for found in AMOUNT.finditer(sentence):
                if found[2] or found[0].lstrip()[0] in "$€£":
                    claims.setdefault(_number(found), sentence)
    return list(claims.items())


def _given_texts(trace: TraceFacts) -> Iterable[str]:
    yield trace.request
    yield from (text for call in trace.calls for text in (call.gave, call.given))
    yield from (each.text for each in trace.said if each.role not in {"assistant", "ai", "model"})


def _numbers(texts: Iterable[str]) -> set[float]:
    return {round(float(found.replace(",", "")), 2) for text in texts for found in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)}


def _prices(texts: Iterable[str]) -> set[float]:
    return {round(float(found.replace(",", "")), 2) for text in texts for found in PRICE.findall(text)}


def _number(found: re.Match[str]) -> float:
    return round(float(found[1].replace(",", "") + (found[2] or "")), 2)


def _explained(amount: float, known: set[float], prices: set[float]) -> bool:
    """Whether an amount was given, or is a multiple of one, or the sum or the difference of two prices."""
    if amount in known or any(round(amount / count, 2) in known for count in range(2, 10)):
        return True
    return any(round(amount - each, 2) in prices or round(amount + each, 2) in prices for each in prices)
