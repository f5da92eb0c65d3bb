"""The console script as a shell starts it: a clean environment, a home of its own, nobody at the terminal."""

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TextIO

from analyze_experiment.tests.agent import warm_start

SCRIPT = Path(sys.executable).parent / "run-analysis"
PATIENCE_S = 240
"""How long anything may take before a test gives up; nothing waits for it in vain otherwise."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a user's shell has, and nothing of this test run."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "80", **more}


class Console:
    """Runs `run-analysis` in processes that needn't import it each (`warm_start.py`)."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def run(self, cwd: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Runs it in a folder, with a home beside it."""
        home = cwd.parent / "home"
        home.mkdir(exist_ok=True)
        command = [str(SCRIPT), *arguments]
        request = warm_start.Request(command=command, cwd=str(cwd), env=environment(home, **environ))
        with TemporaryFile("w+", encoding="utf-8") as stdout, TemporaryFile("w+", encoding="utf-8") as stderr:
            socket.send_fds(self._channel, [json.dumps(request).encode()], [stdout.fileno(), stderr.fileno()])
            code = int(self._channel.recv(100))
            said = [_whole(stream) for stream in (stdout, stderr)]
        return subprocess.CompletedProcess(command, code, *said)


def _whole(stream: TextIO) -> str:
    stream.seek(0)
    return stream.read()


@contextmanager
def open_console(folder: Path) -> Generator[Console]:
    """A console for as many runs as are wanted; the folder is the home of the process that is forked from."""
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", warm_start.__file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=folder,
                env=environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        with process:
            yield Console(ours)
            ours.close()


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with a digest of its bytes, every folder with none."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }
