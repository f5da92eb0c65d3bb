"""The real experiments, beside the planted ones: what people marked in them, and what an analysis by counting says of it.

What was marked about the outcome of a conversation no trace holds, so that only reading can find it. Of what counting can see,
too few traces to decide are no power, and no miss.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import BaseModel, ConfigDict

from .measure import analyse
from .power import CLEAR, FACT_TRACES
from .score import JACCARD, ReportedIssue

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NAMES = ("retail", "airline", "airline-voice", "airline-turns")
COUNTABLE = {"operational", "performance"}
SHARE = 0.05
"""The threshold of the facts of operation."""


class Marked(BaseModel):
    """Something that people marked, and what became of it."""

    model_config = ConfigDict(frozen=True)

    title: str
    n: int
    population: int
    countable: bool
    """Whether it shows in the trace without reading."""
    outcome: Literal["found", "missed", "no power", "only reading"]
    issue: str = ""
    """The title of the issue that is about it."""


class RealResult(BaseModel):
    """What came of one real experiment."""

    model_config = ConfigDict(frozen=True)

    name: str
    traces: int
    reported: int
    marked: tuple[Marked, ...]
    seconds: float


def real_names() -> Sequence[str]:
    """The real experiments that are present."""
    return NAMES if DATA.is_dir() else ()


def measure_real(name: str) -> RealResult:
    """Unpacks an experiment, has it analysed, and compares."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        subprocess.run([sys.executable, str(DATA / "unpack.py"), name, str(folder)], check=True, capture_output=True)
        told = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["issues"]
        analysed = analyse(folder / "mlflow.db", "1", seed=0, folder=folder)
    return RealResult(
        name=name,
        traces=told["n_traces"],
        reported=len(analysed.issues),
        marked=tuple(compare_marked(told["issues"], analysed.issues)),
        seconds=analysed.seconds,
    )


def compare_marked(marked: Sequence[dict[str, object]], issues: Sequence[ReportedIssue]) -> Iterator[Marked]:
    """What became of each, by its traces; what is said of calls of one tool or of a segment repeats outcomes, and is left out."""
    for each in marked:
        kind, ids = str(each["kind"]), each["trace_ids"]
        if kind in {"tool", "segment"} or not isinstance(ids, list):
            continue
        traces = frozenset(map(str, ids))
        population = int(str(each["denominator"]))
        near, issue = max(((_jaccard(traces, issue.trace_ids), issue.title) for issue in issues), default=(0.0, ""))
        plain = kind in COUNTABLE
        enough = len(traces) >= FACT_TRACES and len(traces) >= CLEAR * SHARE * population
        outcome = "found" if near >= JACCARD else "only reading" if not plain else "missed" if enough else "no power"
        yield Marked(
            title=str(each["title"]),
            n=len(traces),
            population=population,
            countable=plain,
            outcome=outcome,
            issue=issue if near >= JACCARD else "",
        )


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))
