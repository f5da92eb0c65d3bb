"""Times what a user waits for: `run-analysis --help`, and the whole statistical analysis of the real experiments.

The experiments are those of ../shared/data; without that folder only the help is timed. Each analysis runs in a process of its
own with an empty cache. Prints a markdown table.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..command_line import command_line
from ..planted.real import DATA, NAMES

COMMAND = (sys.executable, "-c", "from analyze_experiment.agent.cli import main; main()")
REPEATS = 5


def time_help() -> float:
    """Median seconds of `run-analysis --help`."""
    taken: list[float] = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        subprocess.run([*COMMAND, "--help"], check=True, capture_output=True)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def time_analysis(name: str, folder: Path) -> tuple[float, float]:
    """Seconds, and CPU seconds of all its processes, of the whole analysis of one experiment."""
    unpack = [sys.executable, str(DATA / "unpack.py"), name, str(folder / name)]
    uri = subprocess.run(unpack, check=True, capture_output=True, text=True).stdout.strip()
    options = ["--tracking-uri", uri, "--experiment", "1", "--unattended", "--output", "none"]
    places = ["--report", str(folder / f"{name}.md"), "--cache", str(folder / "cache")]
    before, begin = os.times(), time.perf_counter()
    subprocess.run([*COMMAND, *options, *places], check=True, capture_output=True, cwd=folder)
    taken, after = time.perf_counter() - begin, os.times()
    return taken, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Prints the table."""
    parser = command_line("bench.analysis", __doc__, takes="about a minute and a half on two idle cores")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these experiments (of {', '.join(NAMES)})")
    names: list[str] = parser.parse_args().names
    print("| what | seconds | CPU seconds | to be under |")
    print("|---|---|---|---|")
    print(f"| run-analysis --help, median of {REPEATS} | {time_help():.2f} | | 0.5 |")
    if not DATA.is_dir():
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in names or NAMES:
            taken, cpu = time_analysis(name, Path(folder))
            print(f"| whole analysis of {name} | {taken:.1f} | {cpu:.1f} | 60 |", flush=True)


if __name__ == "__main__":
    main()
