"""Our analyst, MLflow's discover_issues and one long prompt over the same planted stores, with the same endpoint and tokens.

Every contestant gets each store to itself, speaks to the same endpoint (OPENAI_BASE_URL, OPENAI_API_KEY) through a proxy that
counts its calls and tokens, and may spend the same. What each reports is compared with what is planted as `evals.planted.score`
does it. Differences are paired by store; their interval is Student's t over stores, so it takes two stores at least.
A contestant that was measured isn't asked again where --results names a file.
"""

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, get_args

from ...tools.errors import UserError
from ..command_line import command_line
from ..planted.agents import AGENTS
from ..planted.build import build
from ..planted.score import ReportedIssue, score
from ..planted.truth import Truth
from ..published import publish
from .meter import Meter
from .one_prompt import ask_once
from .ours import Way, analyse
from .results import Result, Results
from .table import render

JUDGED_TOKENS = 3_100
"""What one trace costs `discover_issues`, about: 307,000 tokens for a sample of 100 of a real experiment with 275 traces."""
PART = "peers"
TAKES = "what the endpoint takes for some thousand calls with the sizes as they are"


class Limits(NamedTuple):
    """What a contestant may take besides tokens."""

    context_tokens: int
    """The length of the one long prompt."""
    parallel: int
    """Questions in flight."""
    timeout_s: float
    """For one call."""


@dataclass(frozen=True)
class Task:
    """One store, and what may be spent on it."""

    uri: str
    truth: Truth
    folder: Path
    model: str
    meter: Meter
    seed: int
    limits: Limits


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
        env={**os.environ, **_mlflow_settings(task.limits), **task.meter.environment()},
        cwd=task.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError((done.stderr.strip().splitlines() or ["it gave no reason"])[-1])
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return [ReportedIssue(each["title"], frozenset(each["trace_ids"]), "quality") for each in found]


def _mlflow_settings(limits: Limits) -> dict[str, str]:
    """MLflow's own names for these limits."""
    seconds = str(round(limits.timeout_s))
    workers = dict.fromkeys(("MLFLOW_GENAI_EVAL_MAX_WORKERS", "MLFLOW_GENAI_EVAL_MAX_SCORER_WORKERS"), str(limits.parallel))
    return {"MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS": seconds, "MLFLOW_GENAI_EVAL_LLM_TIMEOUT": seconds, **workers}


def ask_prompt(task: Task) -> list[ReportedIssue]:
    """A single long prompt."""
    tokens = min(task.limits.context_tokens, task.meter.budget_tokens)
    asked = ask_once(
        task.uri,
        task.truth.experiment_id,
        model=task.model,
        environ=task.meter.environment(),
        context_tokens=tokens,
        timeout_s=task.limits.timeout_s,
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
            parallel=task.limits.parallel,
            timeout_s=task.limits.timeout_s,
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
    return Result(
        contestant=name,
        agent=task.truth.agent,
        traces=task.truth.traces,
        store=task.seed,
        budget_tokens=task.meter.budget_tokens,
        model=task.model,
        faults={fault.fault_id: fault.n for fault in task.truth.faults},
        titles=tuple(issue.title for issue in issues),
        found=tuple(match.fault.fault_id for match in found.matches if match.found),
        false=tuple(f"{each.issue.title} ({each.why} {each.about})".replace(" )", ")") for each in found.false_issues),
        calls=task.meter.calls,
        refused=task.meter.refused,
        tokens=task.meter.tokens,
        seconds=time.monotonic() - begun,
        failed=failed,
    )


def main() -> None:
    """Builds the stores, has every contestant look at them, and prints the table."""
    options = _parser().parse_args()
    results = Results(options.results)
    if not options.table:
        for seed, name in itertools.product(options.seeds, options.only or CONTESTANTS):
            key = (name, options.agent, options.traces, seed, options.budget_tokens, options.model)
            if not results.holds(key):
                results.add(_measure(name, seed, options))
                print(results.all[-1].model_dump_json(indent=1), file=sys.stderr, flush=True)
    table = render(results.all, order=list(CONTESTANTS))
    print(table)
    if options.publish:
        publish(PART, table)


def _measure(name: str, seed: int, options: argparse.Namespace) -> Result:
    """One contestant has a store to itself, which is the same for the same seed."""
    endpoint = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
    key = os.environ.get("OPENAI_API_KEY", "none")
    with TemporaryDirectory() as temporary, Meter(endpoint, key, options.budget_tokens, options.model_timeout) as meter:
        folder = Path(temporary)
        truth = build(folder / "mlflow.db", agent=options.agent, traces=options.traces, seed=seed)
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        limits = Limits(options.context_tokens, options.parallel, options.model_timeout)
        return contest(name, Task(uri, truth, folder, options.model, meter, seed, limits))


def _parser() -> argparse.ArgumentParser:
    parser = command_line("peers.compare", __doc__, takes=TAKES)
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--model", help="the model's name at the endpoint")
    model.add_argument("--table", action="store_true", help="measure nothing, only make the table of what is in --results")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="where results are kept, a line of JSON each; what is there isn't measured again",
    )
    parser.add_argument("--agent", choices=list(AGENTS), default="concierge", help="whose traces (default: concierge)")
    parser.add_argument("--traces", type=int, default=300, help="traces a store, 60 or more (default: 300)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[41, 42], metavar="SEED", help="one store a seed (default: 41 42)"
    )
    parser.add_argument(
        "--budget-tokens", type=int, default=1_500_000, help="what each may spend on a store (default: 1,500,000)"
    )
    parser.add_argument("--context-tokens", type=int, default=100_000, help="length of the one long prompt (default: 100,000)")
    parser.add_argument("--parallel", type=int, default=4, help="questions in flight at the same time (default: 4)")
    parser.add_argument("--model-timeout", type=float, default=300, help="seconds that one call may take (default: 300)")
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), metavar="NAME", help=f"of {'; '.join(CONTESTANTS)}")
    parser.add_argument("--publish", action="store_true", help="write the table into evals/README.md")
    return parser


if __name__ == "__main__":
    main()
