"""The comparison as a table: means over stores, and differences paired by store."""

import statistics
from collections.abc import Callable, Sequence
from itertools import groupby

from scipy import stats

from .results import Result

OURS = "ours, both"
Measured = Callable[[Result], float | None]
COLUMNS = (
    "contestant",
    "stores",
    "issues",
    "recall",
    "precision",
    "calls",
    "tokens",
    "seconds",
    "recall, ours more by",
    "precision",
)


def render(results: Sequence[Result], *, order: Sequence[str]) -> str:
    """One table for each size and kind of store, contestants in this order, and below it who came to no end."""
    by_setting = sorted(results, key=lambda each: (_setting(each), order.index(each.contestant), each.store))
    return "\n\n".join(_tell(list(some)) for _, some in groupby(by_setting, key=_setting))


def _setting(result: Result) -> tuple[str, str, int, int]:
    return result.model, result.agent, result.traces, result.budget_tokens


def _tell(results: Sequence[Result]) -> str:
    first = results[0]
    head = (
        f"Model {first.model}; {len({each.store for each in results})} stores of {first.traces} traces of the {first.agent}, "
        f"{first.budget_tokens:,} tokens each. Means over stores; differences with 95% intervals by Student's t over stores."
    )
    names = list(dict.fromkeys(each.contestant for each in results))
    by_name = {name: [each for each in results if each.contestant == name] for name in names}
    rows = [_row(name, mine, by_name.get(OURS, [])) for name, mine in by_name.items()]
    refused = [
        f"- {each.contestant}, store {each.store}: {each.refused} calls weren't allowed any more"
        for each in results
        if each.refused
    ]
    failures = [f"- {each.contestant}, store {each.store}: {each.failed}" for each in results if each.failed]
    parts = [
        head,
        _table(COLUMNS, rows),
        _by_fault(results),
        _listed("Out of budget", refused),
        _listed("Came to no end", failures),
    ]
    return "\n\n".join(filter(None, parts))


def _by_fault(results: Sequence[Result]) -> str:
    """Who found which fault of which store."""
    names = list(dict.fromkeys(each.contestant for each in results))
    by_store = {(each.store, each.contestant): each for each in results}
    planted = {each.store: each.faults for each in sorted(results, key=lambda each: each.store)}
    rows = [
        [str(store), fault, str(traces), *(_mark(by_store.get((store, name)), fault) for name in names)]
        for store, faults in planted.items()
        for fault, traces in sorted(faults.items(), key=lambda pair: -pair[1])
    ]
    false = [f"- {each.contestant}, store {each.store}: {issue}" for each in results for issue in each.false]
    return "\n\n".join(filter(None, [_table(["store", "planted fault", "traces", *names], rows), _listed("False", false)]))


def _mark(result: Result | None, fault: str) -> str:
    return "" if result is None else ("found" if fault in result.found else "–")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{title}:", "", *lines]) if lines else ""


def _row(name: str, mine: Sequence[Result], ours: Sequence[Result]) -> list[str]:
    numbers = [
        _mean(mine, lambda each: each.issues, "{:.1f}"),
        _mean(mine, _recall, "{:.2f}"),
        _mean(mine, _precision, "{:.2f}"),
        _mean(mine, lambda each: each.calls, "{:,.0f}"),
        _mean(mine, lambda each: each.tokens, "{:,.0f}"),
        _mean(mine, lambda each: each.seconds, "{:,.0f}"),
    ]
    differences = ["", ""] if name == OURS else [_difference(ours, mine, what) for what in (_recall, _precision)]
    return [name, str(len(mine)), *numbers, *differences]


def _recall(result: Result) -> float:
    return result.recall


def _precision(result: Result) -> float | None:
    return result.precision


def _mean(results: Sequence[Result], what: Measured, form: str) -> str:
    values = [value for value in map(what, results) if value is not None]
    return form.format(statistics.fmean(values)) if values else "–"


def _difference(ours: Sequence[Result], theirs: Sequence[Result], what: Measured) -> str:
    by_store = {each.store: what(each) for each in theirs}
    pairs = [(what(each), by_store.get(each.store)) for each in ours]
    return paired([(one, other) for one, other in pairs if one is not None and other is not None])


def paired(pairs: Sequence[tuple[float, float]]) -> str:
    """The mean difference, with its 95% interval by Student's t over stores where there are two or more."""
    differences = [first - second for first, second in pairs]
    if not differences:
        return ""
    mean = statistics.fmean(differences)
    if len(differences) < 2:
        return f"{mean:+.2f}"
    half = float(stats.t.ppf(0.975, len(differences) - 1)) * statistics.stdev(differences) / len(differences) ** 0.5
    return f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})"
