"""How often a beginning is seen where there is none, and how often the range holds the true one, on made-up traces.

Conversations of 1 to 12 traces begin at random over ten days and last up to two hours; they differ in how prone to the fault they
are. `rhythm` is a fault three times as frequent at night, and still without a beginning. Tests run the same functions
on fewer stores.
"""

from typing import NamedTuple

import numpy as np

from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tools.testing.onset import DROP, Timed, find_onset

HOUR = 3_600_000_000
DAYS = 10
FLIPS = 999


class Course(NamedTuple):
    """How the affected share goes over time."""

    before: float
    after: float
    begins: float = 0.5
    """As a part of the time."""
    rhythm: bool = False


class Seen(NamedTuple):
    """Shares of the stores."""

    found: float
    held: float
    """Of those found, whose range holds the true beginning."""
    hours: float
    """Median width of the range."""


def make_traces(rng: np.random.Generator, course: Course, *, sessions: int, icc: float) -> Timed:
    """The traces of one made-up store, in order of time."""
    sizes = rng.integers(1, 13, sessions)
    cluster = np.repeat(np.arange(sessions), sizes)
    at = (np.sort(rng.random(sessions))[cluster] * DAYS * 24 * HOUR + rng.random(cluster.size) * 2 * HOUR).astype(np.int64)
    share = np.where(at >= course.begins * DAYS * 24 * HOUR, course.after, course.before)
    if course.rhythm:
        share = np.where((at // HOUR) % 24 < 8, 3 * share, share)
    if icc:
        share = rng.beta(1 / icc - 1, 1 / icc - 1, sessions)[cluster] * 2 * share
    order = np.argsort(at, kind="stable")
    return Timed(cluster[order], at[order], (rng.random(cluster.size) < share)[order])


def look(stores: int, course: Course, *, sessions: int, icc: float, seed: int) -> Seen:
    """Look for a beginning in so many stores."""
    rng = np.random.Generator(np.random.PCG64(seed))
    begun = course.begins * DAYS * 24 * HOUR
    found = [
        onset
        for store in range(stores)
        if (onset := find_onset(make_traces(rng, course, sessions=sessions, icc=icc), seed=store, flips=FLIPS))
    ]
    held = [onset.earliest.timestamp() * 1e6 <= begun <= onset.latest.timestamp() * 1e6 for onset in found]
    widths = [(onset.latest - onset.earliest).total_seconds() / 3600 for onset in found]
    return Seen(len(found) / stores, float(np.mean(held or [0])), float(np.median(widths or [0])))


NULLS = (Course(0.05, 0.05), Course(0.05, 0.05, rhythm=True), Course(0.3, 0.3))
BEGINNINGS = (Course(0.0, 0.1), Course(0.02, 0.1), Course(0.02, 0.1, 0.8), Course(0.1, 0.3))


def main() -> None:
    """Print a table."""
    parser = command_line("bench.onsets", __doc__, takes="about four minutes of processor time")
    parser.add_argument("stores", nargs="?", type=int, default=400, help="made-up stores a row (default: 400)")
    stores: int = parser.parse_args().stores
    print(f"| before | after | begins | conversations | ICC | seen | range holds it (drop {DROP}) | median width, hours |")
    print("|---|---|---|---|---|---|---|---|")
    for course in (*NULLS, *BEGINNINGS):
        for sessions, icc in ((100, 0.0), (100, 0.3), (1_000, 0.0), (1_000, 0.3)):
            seen = look(stores, course, sessions=sessions, icc=icc, seed=1)
            null = course.before == course.after
            begins = ("never, at night more" if course.rhythm else "never") if null else f"{course.begins:.0%}"
            held = "" if null else f"{seen.held:.2f} | {seen.hours:.0f}"
            shares = f"{course.before:.0%} | {course.after:.0%} | {begins}"
            print(f"| {shares} | {sessions:,} | {icc:g} | {seen.found:.3f} | {held or ' | '} |")


if __name__ == "__main__":
    main()
