"""The published table of the benchmark: what was found of what could be, what was false, store by store and kind by kind."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from scipy import stats

from .benchmarked import Benchmarked, Repeated
from .measure import FaultRow, StoreResult
from .real import RealResult

WAYS = {
    "fact": "operational facts, realised share at least 1.25 times the threshold",
    "count": "countable patterns at k traces or more",
    "rate": "countable rates, power at least .95",
    "shift": "latency regressions, power at least .95",
    "slices": "concentrations in a segment, power at least .95",
}


def render(results: Benchmarked) -> str:
    """All tables, as markdown."""
    faulty = [each for each in results.stores if each.variant == "faulty"]
    parts = [
        f"Statistical analyst, {len(faulty)} faulty stores and {len(results.stores) - len(faulty)} without faults to find.",
        _summary(results, faulty),
        _by_way(faulty),
        _by_store(results.stores),
        _by_kind(faulty),
        _shortfalls(results.stores),
        _real(results.real),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [list(head), ["---"] * len(head), *lines])


def share(part: int, whole: int) -> str:
    """`3 of 4 (.75)`; a dash of nothing."""
    return f"{part} of {whole} ({part / whole:.2f})" if whole else "–"


def _mean(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.2f}" if values else "–"


def _spread(values: Sequence[float]) -> str:
    """The mean over stores, and the least of them."""
    return f"{statistics.fmean(values):.2f}, least {min(values):.2f}" if values else "–"


def lower_bound(values: Sequence[float]) -> float | None:
    """Of the mean over stores, one-sided at 95%, by Student's t; None for fewer than two stores."""
    if len(values) < 2:
        return None
    error = statistics.stdev(values) / len(values) ** 0.5
    return statistics.fmean(values) - float(stats.t.ppf(0.95, len(values) - 1)) * error


def _summary(results: Benchmarked, faulty: Sequence[StoreResult]) -> str:
    rows = [row for store in faulty for row in store.faults]
    precisions = [store.precision for store in faulty if store.precision is not None]
    low = lower_bound(precisions)
    bound = "" if low is None else f", 95% lower bound {low:.2f}"
    lines = [
        (
            "planted faults that counting can see and that had to be found",
            share(*_found(rows, lambda row: row.expected)),
            "≥ .90",
        ),
        ("the same, mean over stores", _spread(_by_mean(faulty, lambda row: float(row.found) if row.expected else None)), ""),
        ("the same, each fault's playbook entry withheld", share(*_found_without(rows)), ""),
        ("faults without that much power, found all the same", share(*_found(rows, _underpowered)), "reported"),
        ("faults that only reading can see, found by counting", share(*_found(rows, lambda row: row.way == "read")), "reported"),
        ("issues that aren't false, mean over stores", f"{_spread(precisions)}{bound}", "≥ .95, bound ≥ .90"),
        ("trace-level F1 of the found, mean over stores", _spread(_by_mean(faulty, lambda row: row.f1)), ""),
        ("spans pointed at that are right, mean over stores", _spread(_by_mean(faulty, lambda row: row.localised)), ""),
        ("causes that name the mechanism or the segment", share(*_true(rows, lambda row: row.cause_right)), ""),
        ("intervals that hold the rate of the process", share(*_true(rows, lambda row: row.covered)), "≥ .95"),
        *_calm(results.stores),
        *_again(results.repeats),
    ]
    return _table(("what", "measured", "aim"), lines)


def _found(rows: Sequence[FaultRow], which: Callable[[FaultRow], bool]) -> tuple[int, int]:
    chosen = [row for row in rows if which(row)]
    return sum(row.found for row in chosen), len(chosen)


def _underpowered(row: FaultRow) -> bool:
    return row.way != "read" and not row.expected


def _found_without(rows: Sequence[FaultRow]) -> tuple[int, int]:
    chosen = [row for row in rows if row.expected]
    return sum(row.found_without_entry for row in chosen), len(chosen)


def _true(rows: Sequence[FaultRow], value: Callable[[FaultRow], bool | None]) -> tuple[int, int]:
    known = [each for row in rows if (each := value(row)) is not None]
    return sum(known), len(known)


def _by_mean(stores: Sequence[StoreResult], value: Callable[[FaultRow], float | None]) -> list[float]:
    known = [[each for row in store.faults if (each := value(row)) is not None] for store in stores]
    return [statistics.fmean(values) for values in known if values]


def _calm(stores: Sequence[StoreResult]) -> list[tuple[str, str, str]]:
    """False issues where nothing is planted that an issue could be about."""
    rows: list[tuple[str, str, str]] = []
    for variant in ("clean", "boundary", "shuffled"):
        chosen = [store for store in stores if store.variant == variant]
        if chosen:
            false, some = sum(len(store.false_issues) for store in chosen), sum(bool(store.false_issues) for store in chosen)
            rows.append((f"false issues of {len(chosen)} {variant} stores", f"{false}, in {some} of them", "0 in 95% of stores"))
    return rows


def _again(repeats: Sequence[Repeated]) -> list[tuple[str, str, str]]:
    if not repeats:
        return []
    again, half = [each.again for each in repeats], [each.other_half for each in repeats if each.other_half is not None]
    return [
        (f"issues that come again with another seed, mean of {len(again)} stores", _mean(again), ""),
        (f"issues of one half of the clusters that are found in the other, mean of {len(half)} stores", _mean(half), ""),
    ]


def _by_way(stores: Sequence[StoreResult]) -> str:
    rows = [row for store in stores for row in store.faults]
    return _table(
        ("what counting can see", "planted", "had to be found", "found of these", "entry withheld", "found of the others"),
        (
            (
                title,
                len(of),
                sum(row.expected for row in of),
                share(*_found(of, lambda row: row.expected)),
                share(*_found_without(of)),
                share(*_found(of, _underpowered)),
            )
            for way, title in WAYS.items()
            if (of := [row for row in rows if row.way == way])
        ),
    )


def _by_store(stores: Sequence[StoreResult]) -> str:
    head = (
        "agent",
        "store",
        "traces",
        "seed",
        "ICC",
        "found of the expected",
        "others found",
        "issues",
        "facts",
        "false",
        "precision",
        "F1",
        "spans",
        "s",
    )
    return _table(
        head,
        (_store_row(store) for store in sorted(stores, key=lambda each: (each.variant != "faulty", each.agent, each.traces))),
    )


def _store_row(store: StoreResult) -> Sequence[object]:
    rows = store.faults
    f1, spans = ([each for row in rows if (each := getattr(row, name)) is not None] for name in ("f1", "localised"))
    found, expected = _found(rows, lambda row: row.expected)
    others, possible = _found(rows, lambda row: not row.expected)
    return (
        *(
            store.agent,
            store.variant,
            f"{store.traces:,}",
            store.seed,
            f"{store.icc:g}",
            f"{found} of {expected}",
            f"{others} of {possible}",
        ),
        *(store.reported, store.facts, len(store.false_issues), "–" if store.precision is None else f"{store.precision:.2f}"),
        *(_mean(f1), _mean(spans), f"{store.seconds:.0f}"),
    )


def _by_kind(stores: Sequence[StoreResult]) -> str:
    kinds: dict[tuple[str, str], list[FaultRow]] = defaultdict(list)
    for store in stores:
        for row in store.faults:
            kinds[row.kind, row.category].append(row)
    head = ("kind of fault", "", "stores", "rates", "power, least to most", "had to be found", "found", "entry withheld")
    return _table(head, (_kind_row(key, rows) for key, rows in sorted(kinds.items())))


def _kind_row(key: tuple[str, str], rows: Sequence[FaultRow]) -> Sequence[object]:
    rates = [row.n / max(1, row.population) for row in rows]
    powers = [row.power for row in rows if row.power is not None]
    power = f"{min(powers):.2f} to {max(powers):.2f}" if powers else "only reading"
    found, without = _found(rows, lambda row: True), sum(row.found_without_entry for row in rows)
    return (
        key[1],
        key[0],
        len(rows),
        f"{min(rates):.1%} to {max(rates):.1%}",
        power,
        sum(row.expected for row in rows),
        found[0],
        without,
    )


def _shortfalls(stores: Sequence[StoreResult]) -> str:
    missed = Counter(
        f"{row.fault_id} ({store.agent})" for store in stores for row in store.faults if row.expected and not row.found
    )
    false = Counter((each.why, each.about, _wording(each.title)) for store in stores for each in store.false_issues)
    lines = [f"- not found: {name}{_times(count)}" for name, count in missed.most_common()]
    lines += [
        f"- {why}{f' of {about}' if about else ''}: {title}{_times(count)}" for (why, about, title), count in false.most_common()
    ]
    return "What falls short:\n\n" + "\n".join(lines) if lines else ""


def _real(experiments: Sequence[RealResult]) -> str:
    """The real experiments: counts, then what counting found or missed."""
    if not experiments:
        return ""
    head = (
        "real experiment",
        "traces",
        "issues",
        "countable, found",
        "countable, missed",
        "no power",
        "only reading",
        "of these found",
        "s",
    )
    table = _table(head, (_real_row(each) for each in experiments))
    notes = [
        f"- {each.name}, {marked.outcome}: {marked.title} ({marked.n} of {marked.population})"
        for each in experiments
        for marked in each.marked
        if marked.outcome in {"missed", "no power"}
    ]
    return "\n\n".join([table, *(["\n".join(notes)] if notes else [])])


def _real_row(real: RealResult) -> Sequence[object]:
    told = Counter((marked.outcome, marked.countable) for marked in real.marked)
    unread = told["only reading", False] + told["found", False]
    counts = (told["found", True], told["missed", True], told["no power", True], unread, told["found", False])
    return (real.name, f"{real.traces:,}", real.reported, *counts, f"{real.seconds:.0f}")


def _wording(title: str) -> str:
    return "".join("#" if letter.isdigit() else letter for letter in title)


def _times(count: int) -> str:
    return f", {count} times" if count > 1 else ""
