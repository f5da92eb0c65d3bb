"""A daily run over 20,000 traces of which 1,000 are new: how long it takes beyond start-up."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ...agent.display import make_display
from ...agent.human import PolicyHuman
from ...agent.session import run_session
from ...agent.settings import Settings
from ...agent.stop import StopSignal
from ..command_line import command_line
from ..month.traffic import Rates, end_of, new_store, write_day

RATES = Rates(tool_fails=0.2, empty_answer=0.1)


def main() -> None:
    """Prints a table."""
    parser = command_line("bench.daily", __doc__, takes="about a minute on two idle cores")
    parser.add_argument("--traces", type=int, default=20_000, help="in all (default: 20,000)")
    parser.add_argument("--new", type=int, default=1_000, help="how many of them are new (default: 1,000)")
    asked = parser.parse_args()
    began = time.perf_counter()
    code = "import analyze_experiment.agent.session, mlflow.store.tracking.sqlalchemy_store"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    start_up = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "mlflow.db"
        new_store(database)
        write_day(database, 0, RATES, traces=asked.traces - asked.new)
        first = _analyse(database, 0)
        write_day(database, 1, RATES, traces=asked.new)
        daily = _analyse(database, 1)
        nothing = _analyse(database, 2)
    print("| what | seconds | to be |")
    print("|---|---|---|")
    print(f"| start-up: importing all of it | {start_up:.1f} | |")
    print(f"| first analysis, {asked.traces - asked.new:,} traces | {first:.1f} | |")
    print(f"| daily run, {asked.new:,} new traces | {daily:.1f} | under 15 |")
    print(f"| a day without traces | {nothing:.1f} | |")


def _analyse(database: Path, day: int) -> float:
    folder, uri = database.parent, f"sqlite:///{database}"
    settings = Settings(
        tracking_uri=uri, experiment="1", unattended=True, since="last", report=folder / "report.md", cache=folder / "cache"
    )
    began = time.perf_counter()
    with make_display("none", sys.stderr) as display:
        run_session(settings, display=display, human=PolicyHuman(), stop=StopSignal(), now=lambda: end_of(day))
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
