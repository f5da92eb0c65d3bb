"""A simulated month, analysed each night as a schedule would, each night held against what was planted.

The tool fails in 15% of the traces from day 4, in 45% from day 11, not at all from day 18, and in 30% again from day 25. Empty
answers are there from the start, in 10%; a person rejects that on day 2; from day 15 on they are 35%.
"""

import sys
import tempfile
import time
from pathlib import Path

from ...agent.display import make_display
from ...agent.human import PolicyHuman
from ...agent.session import run_session
from ...agent.settings import Settings
from ...agent.stop import StopSignal
from ...tools.insights.models import Issue, IssueStatus
from ...tools.insights.store import InsightStore
from ...tools.tracking import connect
from ..command_line import command_line
from .traffic import Rates, end_of, new_store, write_day

TOOL_FROM = {0: 0.0, 4: 0.15, 11: 0.45, 18: 0.0, 25: 0.3}
EMPTY_FROM = {0: 0.1, 15: 0.35}
REJECTED = 2
"""The day after whose analysis a person rejects the empty answers."""
EXPECTED = {
    "tool_failure_rate": {4: "new", 11: "worse", 18: "quiet", 19: "gone", 25: "back"},
    "empty_answers": {0: "new", REJECTED + 1: "rejected", 15: "worse"},
}
"""Per planted fault the days on which its standing changes, and to what; between them it is as before, or `still`."""
CALM = {"new": "still", "worse": "still", "back": "still", "gone": "gone", "rejected": "rejected", "quiet": "quiet"}


def rates_of(day: int) -> Rates:
    """What is planted on a day."""
    return Rates(*(steps[max(first for first in steps if first <= day)] for steps in (TOOL_FROM, EMPTY_FROM)))


def expected(fault: str, day: int) -> str | None:
    """How the fault stands after a day's analysis; None before it begins."""
    steps = EXPECTED[fault]
    begun = [first for first in steps if first <= day]
    return None if not begun else steps[day] if day in steps else CALM[steps[max(begun)]]


def main() -> None:
    """Prints a table of the nights."""
    parser = command_line("month.score", __doc__, takes="about ten minutes, some twenty seconds a night")
    parser.add_argument("--traces", type=int, default=120, help="a day (default: 120)")
    parser.add_argument("--days", type=int, default=30, help="nights (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="which month of its kind (default: 0)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _month(Path(folder) / "mlflow.db", asked.days, asked.traces, asked.seed)


def _month(database: Path, days: int, traces: int, seed: int) -> None:
    new_store(database)
    uri = f"sqlite:///{database}"
    print("| day | planted | tool | expected | empty answers | expected | other issues | s |")
    print("|---|---|---|---|---|---|---|---|")
    wrong = 0
    for day in range(days):
        planted = write_day(database, day, rates_of(day), traces=traces, seed=seed)
        began = time.perf_counter()
        run_id = _analyse(uri, day)
        seconds = time.perf_counter() - began
        issues = InsightStore(connect(uri)).list_issues("1")
        seen = {fault: _standing(issues, fault, run_id) for fault in EXPECTED}
        wrong += sum(seen[fault] != expected(fault, day) for fault in EXPECTED)
        others = [issue for issue in issues if issue.fingerprint.measure not in EXPECTED and issue.look_of(run_id)]
        told = " | ".join(f"{seen[fault] or '-'} | {expected(fault, day) or '-'}" for fault in EXPECTED)
        what = f"{planted.tool_fails}, {planted.empty_answer} of {planted.traces}"
        print(f"| {day} | {what} | {told} | {len(others)} | {seconds:.1f} |", flush=True)
        if day == REJECTED:
            _reject(uri, day, issues)
    print(f"\n{2 * days - wrong} of {2 * days} standings as expected.")


def _analyse(uri: str, day: int) -> str:
    folder = Path(uri.removeprefix("sqlite:///")).parent
    settings = Settings(
        tracking_uri=uri, experiment="1", unattended=True, since="last", report=folder / "report.md", cache=folder / "cache"
    )
    with make_display("none", sys.stderr) as display:
        return run_session(settings, display=display, human=PolicyHuman(), stop=StopSignal(), now=lambda: end_of(day)).run_id


def _standing(issues: list[Issue], measure: str, run_id: str) -> str | None:
    found = next((issue for issue in issues if issue.fingerprint.measure == measure), None)
    look = found.look_of(run_id) if found else None
    return look.standing if look else None


def _reject(uri: str, day: int, issues: list[Issue]) -> None:
    store = InsightStore(connect(uri), now=lambda: end_of(day))
    for issue in issues:
        if issue.fingerprint.measure == "empty_answers":
            store.update_issue(
                issue.issue_id,
                op="person",
                change=lambda current: current.model_copy(update={"status": IssueStatus.REJECTED, "resolution": "As designed."}),
            )


if __name__ == "__main__":
    main()
