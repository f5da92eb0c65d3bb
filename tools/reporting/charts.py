"""The plots of a report, as SVG that stands in the page itself.

The same data give the same bytes: no dates, ids from a fixed salt. Colours are names of the page's style sheet, so that one plot
serves light and dark; text stays text, in the page's own type. Matplotlib is imported when the first plot is drawn.
"""

import io
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ..clipping import clip
from ..insights.models import Bucket, Interval, Onset
from ..shares import percent
from .facts import ReportFacts
from .words import interval, when

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, MUTED, GRID, ACCENT, BAD = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--rule", ACCENT: "--accent", BAD: "--bad"}
"""Colours that matplotlib is given, and what each becomes in the page."""

WIDTH, LINE = 4.7, 0.3
"""Inches: how wide a plot is, how high a row of it."""
LABEL_CHARS = 62
MAX_ROWS = 12
NAMED_LOOKS = 6
"""Looks of a trend that are told in words; the plot has all."""
MOST_ONSETS = 3
"""Beginnings of issues that a plot marks: of the most severe."""
LEAST_BUCKETS = 3
"""Fewer points in time than this make no plot."""


Began = tuple[str, Onset]
"""The title of an issue, and when it began."""


@dataclass(frozen=True)
class Chart:
    """One plot, and what it shows in words."""

    title: str
    says: str
    """For whoever can't see it, and below it."""
    query_ids: tuple[str, ...]
    svg: str


class Compared(NamedTuple):
    """A group against the rest: one row of `compared_shares`."""

    label: str
    share: float
    interval: Interval | None
    rest: float


class Look(NamedTuple):
    """The affected share that one analysis saw: one point of `trend`."""

    at: datetime
    share: float
    interval: Interval | None


def time_charts(facts: ReportFacts) -> tuple[Chart, ...]:
    """Errors where there are any, latency where it was measured, over time; none where all traces fall into a moment."""
    errors = facts.census.find("trace_error_rate", dimension="time")
    width_ms = facts.census.value("time_bucket_ms")
    if len(errors) < LEAST_BUCKETS or width_ms is None:
        return ()
    width = timedelta(milliseconds=width_ms)
    began = [(each.issue.title, each.issue.onset) for each in facts.issues if each.issue.onset is not None][:MOST_ONSETS]
    charts = [_errors(facts, errors, width, began)] if any(bucket.value for bucket in errors) else []
    median = facts.census.find("latency_p50", dimension="time")
    if not facts.durations_are_nominal and any(bucket.value for bucket in median):
        charts.append(_latency(median, facts.census.find("latency_p95", dimension="time"), width, began))
    return tuple(charts)


def compared_shares(title: str, rows: Sequence[Compared], query_ids: Sequence[str]) -> Chart:
    """Groups whose share stands out, each with its interval, against the rest: one row a group."""
    shown = rows[:MAX_ROWS]

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for place, row in enumerate(shown):
            _bar(axes, row.interval, place)
            axes.plot([row.rest], [place], "o", markersize=5, markerfacecolor="none", color=MUTED)
            axes.plot([row.share], [place], "o", markersize=5, color=BAD)
            axes.text(0, place - 0.42, clip(row.label, LABEL_CHARS), color=INK, va="center", ha="left")
        axes.set_ylim(len(shown) - 0.5, -0.8)
        axes.set_yticks([])
        _share_axis(axes.xaxis, max(max(row.interval.high if row.interval else row.share, row.rest) for row in shown))

    said = "; ".join(f"{clip(row.label)}: {_with(row.share, row.interval)} against {percent(row.rest)}" for row in shown)
    return Chart(
        title,
        f"Filled: the group, with its interval; hollow: the rest. {said}.",
        tuple(query_ids),
        _svg(title, (WIDTH, 0.5 + 1.35 * LINE * len(shown)), draw),
    )


def trend(title: str, looks: Sequence[Look], query_ids: Sequence[str]) -> Chart:
    """The affected share of one issue from analysis to analysis, each with its interval."""

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        places = [_place(look.at) for look in looks]
        axes.plot(places, [look.share for look in looks], "-o", color=BAD, markersize=4, linewidth=1.2)
        for place, look in zip(places, looks, strict=True):
            if look.interval is not None:
                axes.plot([place, place], [look.interval.low, look.interval.high], color=BAD, alpha=0.4, linewidth=3)
        _share_axis(axes.yaxis, max(look.interval.high if look.interval else look.share for look in looks) or 0.01)
        _time_axis(axes)

    named = looks[-NAMED_LOOKS:]
    said = "; ".join(f"{look.at:%Y-%m-%d %H:%M}: {_with(look.share, look.interval)}" for look in named)
    which = f", the last {len(named)} of {len(looks)}" if len(named) < len(looks) else ""
    says = f"Affected share, by the end of each analysis's window (UTC){which}: {said}."
    return Chart(title, says, tuple(query_ids), _svg(title, (WIDTH, 1.5), draw))


def _errors(facts: ReportFacts, errors: Sequence[Bucket], width: timedelta, began: Sequence[Began]) -> Chart:
    overall = facts.bucket("trace_error_rate", dimension="all")
    bursts = [each.issue.fingerprint for each in facts.issues if each.issue.fingerprint.measure == "error_burst"]
    onsets = [_instant(burst.segment) for burst in bursts]
    worst = max(errors, key=lambda bucket: bucket.value or 0.0)

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        starts = [_place(_instant(bucket.segment)) for bucket in errors]
        axes.bar(
            starts, [bucket.value or 0.0 for bucket in errors], width=0.9 * (width / timedelta(days=1)), align="edge", color=BAD
        )
        if overall is not None and overall.value is not None:
            axes.axhline(overall.value, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
        _share_axis(axes.yaxis, max(worst.value or 0.0, 0.01))
        for onset in onsets:
            axes.axvline(_place(onset), color=INK, linewidth=1)
            axes.annotate(" burst", (_place(onset), 1), xycoords=("data", "axes fraction"), color=INK, va="top")
        _mark(axes, began)
        _time_axis(axes)

    highest = f"{percent(worst.value or 0.0)} ({worst.numerator or 0:,} of {worst.denominator or 0:,})"
    said = f"Highest: {highest} from {worst.segment} UTC on."
    all_in_all = f" Dashed: {percent(overall.value)} in all." if overall is not None and overall.value is not None else ""
    marked = " Marked: where a burst of errors begins." if onsets else ""
    title = "Error rate over time"
    return Chart(title, said + all_in_all + marked + _told(began), (errors[0].query_id,), _svg(title, (WIDTH, 1.9), draw))


def _latency(median: Sequence[Bucket], p95: Sequence[Bucket], width: timedelta, began: Sequence[Began]) -> Chart:
    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for buckets, colour, label in ((p95, MUTED, "p95"), (median, ACCENT, "median")):
            places, seconds = _with_gaps(buckets, width)
            axes.plot(places, seconds, "-o", color=colour, markersize=2.5, linewidth=1.2, label=label)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} s")
        axes.legend(
            frameon=False,
            loc="upper left",
            ncols=2,
            borderaxespad=0,
            bbox_to_anchor=(0, 1.16 + 0.07 * len(began)),
            handlelength=1.2,
        )
        _mark(axes, began)
        _time_axis(axes)

    slowest = max(median, key=lambda bucket: bucket.value or 0.0)
    said = f"Of traces that ended OK. Highest median: {(slowest.value or 0.0) / 1000:,.1f} s from {slowest.segment} UTC on."
    title = "Latency over time"
    return Chart(title, said + _told(began), (median[0].query_id,), _svg(title, (WIDTH, 1.9), draw))


def _mark(axes: "Axes", began: Sequence[Began]) -> None:
    """Draws above the plot from when to when issues began: at some instant within, which isn't known."""
    for place, (_, onset) in enumerate(began, start=1):
        start, end, height = _place(onset.earliest), _place(onset.latest), 1.02 + 0.07 * (place - 1)
        across = axes.get_xaxis_transform()
        axes.plot([start, end], [height, height], color=ACCENT, linewidth=2.5, transform=across, clip_on=False)
        axes.annotate(f"  {place}", (end, height), xycoords=across, color=ACCENT, va="center", annotation_clip=False)


def _told(began: Sequence[Began]) -> str:
    said = "; ".join(
        f"{place} {clip(title)}, between {when(onset.earliest)} and {when(onset.latest)}"
        for place, (title, onset) in enumerate(began, start=1)
    )
    return f" Lines above: from when to when an issue began. {said}." if said else ""


def _with(share: float, bounds: Interval | None) -> str:
    """A share with its interval."""
    return f"{percent(share)} ({interval(bounds)})" if bounds else percent(share)


def _with_gaps(buckets: Sequence[Bucket], width: timedelta) -> tuple[list[float], list[float]]:
    """The middle of each bucket and its seconds; NaN where a bucket has no trace, so that no line is drawn across."""
    known = {_instant(bucket.segment): bucket.value for bucket in buckets}
    first, last = min(known), max(known)
    starts = [first + width * place for place in range(int((last - first) / width) + 1)]
    values = [known.get(start) for start in starts]
    places = [_place(start + width / 2) for start in starts]
    return places, [float("nan") if value is None else value / 1000 for value in values]


def _bar(axes: "Axes", interval: Interval | None, place: int) -> None:
    if interval is not None:
        axes.plot([interval.low, interval.high], [place, place], color=BAD, alpha=0.4, linewidth=4, solid_capstyle="butt")


def _share_axis(axis: "Axis", highest: float) -> None:
    """Percentages from 0 on, with a little room above the highest."""
    from matplotlib.ticker import MaxNLocator

    axis.set_view_interval(0, min(1.0, highest * 1.12), ignore=True)
    axis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")


def _time_axis(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=UTC, minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))


def _place(instant: datetime) -> float:
    """Where an instant stands on a time axis: in days."""
    from matplotlib.dates import date2num

    return float(date2num(instant))


def _instant(label: str) -> datetime:
    return datetime.fromisoformat(label).replace(tzinfo=UTC)


def _svg(name: str, inches: tuple[float, float], draw: Callable[["Figure"], None]) -> str:
    """The plot without prologue, ids of groups and fixed colours; as wide as the page lets it be."""
    with _style(name):
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        figure = Figure(figsize=inches, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _adapted(text.getvalue(), name)


def _adapted(svg: str, name: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'<svg [^>]*viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{name}">', svg, count=1)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px var(--sans)", svg)
    for colour, variable in VARIABLES.items():
        svg = re.sub(rf"(fill|stroke): {colour}\b", rf"\1: var({variable})", svg)
    return re.sub(r"\n\s*", "\n", svg).strip()


@contextmanager
def _style(name: str) -> Generator[None]:
    """Matplotlib's settings for one plot; text of traces is never read as mathematics."""
    import matplotlib

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.parse_math": False,
        "font.size": 8,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "axes.edgecolor": GRID,
        "axes.labelcolor": MUTED,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "timezone": "UTC",
    }
    with matplotlib.rc_context(settings):
        yield
