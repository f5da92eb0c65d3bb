"""Brings a copy up to date: which of its windows still hold, which are copied again, which are new."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from .changes import Changes, changes
from .freshness import Count
from .manifest import INDEX, Manifest, Whole, Window, complete, tidy
from .sources.base import BEGINNING, Bound, Key
from .survey import Surveyor, windows_that_hold
from .workers import Worker, Workers

WINDOW_TRACES = 5_000
"""Traces that a new window may have."""
GRAIN = 500
"""Where several workers share the copying, new windows are of so many traces, times some."""


class Range(NamedTuple):
    """A window of trace times, both ends included; None: from the beginning."""

    since_ms: int | None
    until_ms: int


class Refreshed(NamedTuple):
    """What a refresh leaves."""

    windows: list[Window]
    """Those that overlap the wanted times, in order."""
    changes: Changes
    counted: Count


@dataclass(frozen=True)
class Stretch:
    """The traces from `low` up to `high`, and the window that stands for them, if one does."""

    low: Key
    high: Key
    window: Window | None
    limit: int
    """Traces that its window may hold before it is divided."""
    size: int
    """Traces of each window that it is divided into."""
    held: bool = False
    """Whether the window is known to hold, without a look at it."""


@dataclass(frozen=True)
class Step:
    """A window as it is to be: kept, or copied."""

    window: Window
    high: Key
    traces: int

    @property
    def kept(self) -> bool:
        """Whether its copy still holds."""
        return bool(self.window.parts)


def refresh(
    workers: Workers, folder: Path, wanted: Range, progress: Callable[[int, int], None], *, anew: bool = False
) -> Refreshed:
    """Makes the copy true for the wanted range of times.

    The manifest is replaced after every window, so that whatever is done stays done. Only to be called with the folder locked.
    `anew`: nothing that was copied before is trusted.
    """
    before = Manifest.read(folder)
    known = replace(before, windows=()) if anew else before
    horizon_ms = max(before.horizon_ms, wanted.until_ms)
    start = start_of(known, wanted.since_ms)
    size = min(WINDOW_TRACES, workers.window_traces or WINDOW_TRACES)
    surveyor = Surveyor(workers, folder, known.whole.survey)
    compared = surveyor.compare(known.windows, lambda: progress(0, sum(window.traces for window in known.windows)))
    held = windows_that_hold(workers, folder, known, compared, horizon_ms)
    divided = stretches(known, start, Key(horizon_ms + 1, ""), size, held)
    expected = sum(window.traces for window in known.windows if window.low >= start) if before.whole.indexes else 0
    steps = plan(workers, folder, divided, expected, progress)
    windows = {window.low: window for window in known.windows if window.low < start}
    windows |= {step.window.low: step.window for step in steps}
    write_manifest(folder, windows, horizon_ms, before.whole)
    tidy(folder, before, windows.values())

    done, total = sum(step.traces for step in steps if step.kept), sum(step.traces for step in steps)
    progress(done, total)
    for window, rest in workers.each(copier(folder), [step for step in steps if not step.kept]):
        windows[window.low] = window
        if rest is not None:
            windows[rest] = Window(rest)
        write_manifest(folder, windows, horizon_ms, before.whole)
        done += window.traces
        progress(min(done, total), total)
    first_ms = min(before.whole.since_ms, start.timestamp_ms, *(low.timestamp_ms for low in windows))
    survey = surveyor.first(list(windows.values()), lambda: progress(done, total)) if compared is None else compared.survey
    sure = survey is not None and surveyor.is_quiet()
    found = held | {low for low in windows if sure and low >= start} if survey is not None else set[Key]()
    windows = {low: replace(window, surveyed=low in found) for low, window in windows.items()}
    indexes = tuple(windows[low].parts[INDEX] for low in sorted(windows) if windows[low].parts)
    whole = Whole(first_ms, horizon_ms, indexes, surveyor.keep(survey, sure=sure))
    write_manifest(folder, windows, horizon_ms, whole)
    surveyor.tidy(whole.survey)
    covers_all = whole.since_ms == BEGINNING.timestamp_ms
    return Refreshed(
        overlapping([windows[low] for low in sorted(windows)], wanted),
        changes(folder, before.whole, whole),
        Count(workers.count(horizon_ms) if covers_all else None, sum(window.traces for window in windows.values())),
    )


def start_of(manifest: Manifest, since_ms: int | None) -> Key:
    """From where on the copy has to be looked at: the beginning of the window that holds `since_ms`."""
    if since_ms is None:
        return BEGINNING
    since = Key(since_ms, "")
    return max((window.low for window in manifest.windows if window.low <= since), default=since)


def stretches(manifest: Manifest, start: Key, end: Key, size: int, held: Set[Key]) -> list[Stretch]:
    """The traces from `start` to `end`, divided as the manifest divides them; new windows have `size` traces.

    Full windows keep their bounds until late traces have doubled them; what lies before the first and after the last is open.
    """
    windows = [window for window in manifest.windows if window.low >= start]
    lows = [window.low for window in windows]
    first = lows[0] if lows else end
    before = [Stretch(start, first, None, size, size)] if start < first else []
    limits = [2 * size] * (len(windows) - 1) + [size]
    stretched = zip(lows, [*lows[1:], end], windows, limits, strict=False)
    return before + [Stretch(*each, size, held=each[0] in held) for each in stretched]


def plan(
    workers: Workers, folder: Path, divided: Sequence[Stretch], expected: int, progress: Callable[[int, int], None]
) -> list[Step]:
    """The windows as they are to be, in order; those that still hold count as done.

    `expected`: how many traces there probably are; 0 where nobody knows, as of a first copy that was broken off.
    """

    def settle(worker: Worker, stretch: Stretch) -> Iterator[Step]:
        return steps_of(worker, folder, stretch, workers.most)

    steps: list[Step] = []
    done = 0
    for step in workers.each(settle, divided):
        steps.append(step)
        done += step.traces if step.kept else 0
        if step.kept and (done < expected or not expected):
            progress(done if expected else 0, expected)
    return sorted(steps, key=lambda step: step.window.low)


def steps_of(worker: Worker, folder: Path, stretch: Stretch, sharers: int) -> Iterator[Step]:
    """The windows that a stretch is to have; none where it has no traces any more.

    `sharers`: how many workers will copy at the same time.
    """
    if stretch.window is not None and stretch.held:
        yield Step(stretch.window, stretch.high, stretch.window.traces)
        return
    if stretch.window is not None:
        step = checked(worker, folder, stretch.window, stretch.high)
        if step.kept or step.traces <= stretch.limit:
            if step.traces:
                yield step
            return
    bounds = divided(worker, stretch, sharers)
    ends = [*(bound.low for bound in bounds[1:]), stretch.high]
    for place, (bound, end) in enumerate(zip(bounds, ends, strict=False)):
        if stretch.window is not None and place == 0:
            yield checked(worker, folder, stretch.window, end)
        else:
            yield Step(Window(bound.low), end, bound.traces)


def divided(worker: Worker, stretch: Stretch, sharers: int) -> list[Bound]:
    """Where the windows of a stretch begin; new ones are as many for each worker, so that all are done at the same time."""
    if stretch.window is not None or sharers == 1:
        return worker.bounds(stretch.low, stretch.high, stretch.size)
    groups = worker.bounds(stretch.low, stretch.high, min(GRAIN, stretch.size))
    least = -(-sum(group.traces for group in groups) // stretch.size)
    count = max(least, min(-(-least // sharers) * sharers, len(groups) // 2))
    firsts = [place * len(groups) // count for place in range(count)]
    ends = [*firsts[1:], len(groups)]
    return [
        Bound(groups[first].low, sum(group.traces for group in groups[first:end]))
        for first, end in zip(firsts, ends, strict=False)
    ]


def checked(worker: Worker, folder: Path, window: Window, high: Key) -> Step:
    """The window itself if the source still says the same of its traces and its files are there; else to be copied."""
    now = worker.check(window.low, high, window.glance)
    same = now.glance == window.glance or now.fingerprint == window.fingerprint
    holds = same and not window.missing and complete(window, folder)
    return Step(replace(window, glance=now.glance, surveyed=False) if holds else Window(window.low), high, now.traces)


def copier(folder: Path) -> Callable[[Worker, Step], Iterator[tuple[Window, Key | None]]]:
    """Copies a step; yields each piece, and where the rest of the step begins, if there is one."""

    def copy(worker: Worker, step: Step) -> Iterator[tuple[Window, Key | None]]:
        for window, end in worker.copy(step.window.low, step.high, str(folder)):
            yield window, end if end < step.high else None

    return copy


def write_manifest(folder: Path, windows: dict[Key, Window], horizon_ms: int, whole: Whole) -> None:
    """Replaces the manifest by one of these windows."""
    Manifest(tuple(windows[low] for low in sorted(windows)), horizon_ms, whole).write(folder)


def overlapping(windows: Sequence[Window], wanted: Range) -> list[Window]:
    """The windows, of all in order, that may hold traces of the wanted times."""
    ends = [*(window.low.timestamp_ms for window in windows[1:]), wanted.until_ms]
    return [
        window
        for window, end_ms in zip(windows, ends, strict=False)
        if window.low.timestamp_ms <= wanted.until_ms and (wanted.since_ms is None or end_ms >= wanted.since_ms)
    ]
