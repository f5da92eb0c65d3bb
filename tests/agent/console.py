"""The console script as a shell starts it: a clean environment, a home of its own, nobody at the terminal."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(sys.executable).parent / "run-analysis"
PATIENCE_S = 240
"""How long anything may take before a test gives up; nothing waits for it in vain otherwise."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a user's shell has, and nothing of this test run."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "80", **more}


def run_console(cwd: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs `run-analysis` in a folder, with a home beside it."""
    home = cwd.parent / "home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=cwd,
        env=environment(home, **environ),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with a digest of its bytes, every folder with none."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }
