"""Our analyst and its peers over the same planted stores: `python -m analyze_experiment.evals.peers.compare --model NAME`.

Every contestant gets each store to itself, speaks to the same endpoint (OPENAI_BASE_URL, OPENAI_API_KEY) through a proxy that
counts its calls and tokens, and may spend the same. What each reports is compared with what is planted as `evals.planted.score`
does it. Differences are paired by store; their interval is Student's t over stores, so it takes two stores at least.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from scipy import stats

from ...tools.errors import UserError
from ..planted.build import build
from ..planted.score import ReportedIssue, score
from ..planted.truth import Truth
from .meter import Meter
from .one_prompt import ask_once
from .ours import Way, analyse

JUDGED_TOKENS = 3_100
"""What one trace costs `discover_issues`, about: 307,000 tokens for a sample of 100 of a real experiment with 275 traces."""
OURS = "ours, both"


@dataclass(frozen=True)
class Task:
    """One store, and what may be spent on it."""

    uri: str
    truth: Truth
    folder: Path
    model: str
    meter: Meter
    context_tokens: int
    seed: int
    parallel: int


@dataclass(frozen=True)
class Result:
    """What one contestant made of one store."""

    contestant: str
    store: int
    """The store's seed."""
    issues: int
    recall: float
    """Share of the planted faults that an issue is about."""
    precision: float
    """Share of its issues that match something planted; 1 where it reports none."""
    calls: int
    tokens: int
    seconds: float
    failed: str = ""
    """Why it came to no end."""


Contestant = Callable[[Task], list[ReportedIssue]]


def ask_incumbent(task: Task) -> list[ReportedIssue]:
    """MLflow's `discover_issues`, its sample raised to what the budget allows.

    Raises:
        UserError: it failed; the message is its own last line.
    """
    sample = max(10, min(task.truth.traces, task.meter.budget_tokens // JUDGED_TOKENS))
    command = [sys.executable, "-W", "ignore", "-m", "analyze_experiment.evals.peers.incumbent"]
    done = subprocess.run(
        [*command, task.uri, task.truth.experiment_id, task.model, str(sample)],
        env={**os.environ, **task.meter.environment()},
        cwd=task.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError((done.stderr.strip().splitlines() or ["it gave no reason"])[-1])
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return [ReportedIssue(each["title"], frozenset(each["trace_ids"]), "quality") for each in found]


def ask_prompt(task: Task) -> list[ReportedIssue]:
    """A single long prompt."""
    tokens = min(task.context_tokens, task.meter.budget_tokens)
    asked = ask_once(
        task.uri,
        task.truth.experiment_id,
        model=task.model,
        environ=task.meter.environment(),
        context_tokens=tokens,
        seed=task.seed,
    )
    return [ReportedIssue(title, traces, "quality") for title, traces in asyncio.run(asked)]


def ask_ours(way: Way) -> Contestant:
    """Our analyst, in one of its ways."""

    def ask(task: Task) -> list[ReportedIssue]:
        return analyse(
            task.uri,
            task.truth.experiment_id,
            way,
            model=task.model,
            environ=task.meter.environment(),
            budget_tokens=task.meter.budget_tokens,
            folder=task.folder,
            seed=task.seed,
            parallel=task.parallel,
        )

    return ask


CONTESTANTS: dict[str, Contestant] = {
    **{f"ours, {way}": ask_ours(way) for way in get_args(Way)},
    "discover_issues": ask_incumbent,
    "one prompt": ask_prompt,
}


def contest(name: str, task: Task) -> Result:
    """Has one contestant look at one store; one that fails has found nothing, and the table says why."""
    begun, failed, issues = time.monotonic(), "", list[ReportedIssue]()
    try:
        issues = CONTESTANTS[name](task)
    except Exception as error:
        # A peer that dies of whatever it dies of is a result, as a bad trace is.
        failed = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    found = score(task.truth, issues)
    precision = 1 - len(found.false_issues) / len(issues) if issues else 1.0
    return Result(
        contestant=name,
        store=task.seed,
        issues=len(issues),
        recall=found.found / max(len(task.truth.faults), 1),
        precision=precision,
        calls=task.meter.calls,
        tokens=task.meter.tokens,
        seconds=time.monotonic() - begun,
        failed=failed,
    )


def render(results: Sequence[Result], *, model: str, endpoint: str) -> str:
    """The table, and the paired differences where there are two stores or more."""
    by_name = {name: [each for each in results if each.contestant == name] for name in CONTESTANTS}
    head = f"Model {model} at {endpoint}, {len({each.store for each in results})} stores; means over stores.\n"
    rows = [_row(name, mine, by_name[OURS]) for name, mine in by_name.items() if mine]
    columns = ("contestant", "issues", "recall", "precision", "calls", "tokens", "seconds", "recall, ours more by", "precision")
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *rows))
    failures = [f"- {each.contestant}, store {each.store}: {each.failed}" for each in results if each.failed]
    return "\n".join([head, table, *(["", "Came to no end:", *failures] if failures else [])])


def _row(name: str, mine: Sequence[Result], ours: Sequence[Result]) -> list[str]:
    def mean(values: Sequence[float]) -> float:
        return statistics.fmean(values)

    numbers = [
        f"{mean([each.issues for each in mine]):.1f}",
        f"{mean([each.recall for each in mine]):.2f}",
        f"{mean([each.precision for each in mine]):.2f}",
        f"{mean([each.calls for each in mine]):,.0f}",
        f"{mean([each.tokens for each in mine]):,.0f}",
        f"{mean([each.seconds for each in mine]):,.0f}",
    ]
    if name == OURS or not ours:
        return [name, *numbers, "", ""]
    recall, precision = (paired([(getattr(a, what), getattr(b, what)) for a, b in _pairs(ours, mine)]) for what in _COMPARED)
    return [name, *numbers, recall, precision]


_COMPARED = ("recall", "precision")


def _pairs(ours: Sequence[Result], theirs: Sequence[Result]) -> list[tuple[Result, Result]]:
    by_store = {each.store: each for each in theirs}
    return [(each, by_store[each.store]) for each in ours if each.store in by_store]


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


def main() -> None:
    """Builds the stores, has every contestant look at them, and prints the table as it grows."""
    options = _parser().parse_args()
    endpoint = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
    names: list[str] = options.only or list(CONTESTANTS)
    results: list[Result] = []
    with TemporaryDirectory() as temporary:
        for seed, name in itertools.product(options.seeds, names):
            folder = Path(temporary) / f"{seed}-{names.index(name)}"
            truth = build(folder / "mlflow.db", traces=options.traces, seed=seed)  # the same rows for the same seed
            uri = f"sqlite:///{folder / 'mlflow.db'}"
            with Meter(endpoint, os.environ.get("OPENAI_API_KEY", "none"), options.budget_tokens) as meter:
                task = Task(uri, truth, folder, options.model, meter, options.context_tokens, seed, options.parallel)
                results.append(contest(name, task))
            print(results[-1], file=sys.stderr, flush=True)
    print(render(results, model=options.model, endpoint=endpoint))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analyze_experiment.evals.peers.compare",
        description="Our analyst, MLflow's discover_issues and one long prompt over the same planted stores, with the same "
        "endpoint (OPENAI_BASE_URL, OPENAI_API_KEY) and the same tokens.",
    )
    parser.add_argument("--model", required=True, help="the model's name at the endpoint")
    parser.add_argument("--traces", type=int, default=300, help="traces a store (default: 300)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[41, 42], metavar="SEED", help="one store a seed (default: 41 42)"
    )
    parser.add_argument(
        "--budget-tokens", type=int, default=1_500_000, help="what each may spend on a store (default: 1,500,000)"
    )
    parser.add_argument("--context-tokens", type=int, default=100_000, help="length of the one long prompt (default: 100,000)")
    parser.add_argument("--parallel", type=int, default=4, help="questions in flight, for our analyst (default: 4)")
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), metavar="NAME", help=f"of {', '.join(CONTESTANTS)}")
    return parser


if __name__ == "__main__":
    main()
