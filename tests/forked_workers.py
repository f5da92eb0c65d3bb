"""Worker processes that are forked from one which has imported what they run: what a start costs is then paid once.

SQL workers and copiers of traces are started by the hundred, and a start takes longer than most of what a test has them do. A
forked one has the arguments, the environment, the folder and the streams that a start would give it, and shares with others what
two starts share, the code. `tools/sql` and `tools/traces`, whose tests are about the workers themselves, do without.

A program as well, because only a process without threads may fork: `python forked_workers.py DESCRIPTOR` reads requests from the
socket until there are no more.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn, TypedDict

import pytest

from analyze_experiment.tools.sql import process
from analyze_experiment.tools.traces import workers

ENTRANCES = {"analyze_experiment.tools.sql.worker": "main", "analyze_experiment.tools.traces.worker": "serve"}
REQUEST_BYTES = 2**16


class Request(TypedDict):
    """A start of a worker."""

    module: str
    arguments: list[str]
    cwd: str
    env: dict[str, str]


class ForkedWorker:
    """What `subprocess.Popen` is to those who start workers; as much of it as they use."""

    def __init__(
        self, channel: socket.socket, command: Sequence[str], *, stderr: Any, encoding: str | None = None, **how: object
    ) -> None:
        """`how` is the rest of what they say of the process, which is the same for all."""
        python, isolated, run, module, *arguments = command
        assert (python, isolated, run) == (sys.executable, "-P", "-m")
        assert how["start_new_session"]
        request = Request(module=module, arguments=arguments, cwd=str(Path.cwd()), env=dict(os.environ))
        stdin, ours_in = os.pipe()
        ours_out, stdout = os.pipe()
        told, status = os.pipe()
        with Path(os.devnull).open("wb") as nothing:
            errors = nothing.fileno() if stderr == subprocess.DEVNULL else stderr.fileno()
            socket.send_fds(channel, [json.dumps(request).encode()], [stdin, stdout, errors, status])
        for theirs in (stdin, stdout, status):
            os.close(theirs)
        self.stdin: IO[Any] = _stream(ours_in, "w", encoding)
        self.stdout: IO[Any] = _stream(ours_out, "r", encoding)
        self.returncode: int | None = None
        self._told = _stream(told, "r", None)
        self._asking = threading.Lock()
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """The exit code, once it has ended; negative: the signal that ended it."""
        with self._asking:
            if self.returncode is None and select.select([self._told], [], [], 0)[0]:
                self._read_code()
            return self.returncode

    def wait(self) -> int:
        """Waits for its end."""
        with self._asking:
            return self._read_code() if self.returncode is None else self.returncode

    def kill(self) -> None:
        """Ends it at once."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _read_code(self) -> int:
        self.returncode = int(self._told.readline())
        self._told.close()
        return self.returncode


def _stream(descriptor: int, mode: str, encoding: str | None) -> IO[Any]:
    """Text in an encoding, or bytes as they come."""
    return os.fdopen(descriptor, mode, encoding=encoding) if encoding else os.fdopen(descriptor, f"{mode}b", 0)


@contextmanager
def open_nursery() -> Generator[socket.socket]:
    """The process that workers are forked from, while it is needed; the channel by which it is asked."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            nursery = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        with nursery:
            try:
                yield ours
            finally:
                ours.close()  # whatever ended it, or the nursery waits for requests for ever


@contextmanager
def quick_workers(channel: socket.socket) -> Generator[None]:
    """Workers are forked meanwhile, not started."""
    started = SimpleNamespace(Popen=partial(ForkedWorker, channel), PIPE=subprocess.PIPE, DEVNULL=subprocess.DEVNULL)
    with pytest.MonkeyPatch.context() as patch:
        for module in (process, workers):
            patch.setattr(module, "subprocess", started)
        yield


def serve(channel: socket.socket) -> NoReturn:
    """Forks a worker for each request, one after another, until there are no more."""
    entrances = {name: getattr(importlib.import_module(name), entrance) for name, entrance in ENTRANCES.items()}
    importlib.import_module("analyze_experiment.tools.traces.sources.sqlite")
    gc.freeze()  # what is shared is not looked through, and so not copied, by each process
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for who waits for the worker
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, REQUEST_BYTES, 4)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            channel.close()
            request = json.loads(message)
            keep(request, entrances[request["module"]], *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def keep(request: Request, work: Callable[[], object], stdin: int, stdout: int, stderr: int, status: int) -> NoReturn:
    """Forks the worker; says which process it is, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    worker = os.fork()
    if worker == 0:
        os.close(status)
        carry_out(request, work, stdin, stdout, stderr)
    for descriptor in (stdin, stdout, stderr):
        os.close(descriptor)
    with suppress(BrokenPipeError):
        os.write(status, f"{worker}\n".encode())
        os.write(status, f"{os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])}\n".encode())
    os._exit(0)


def carry_out(request: Request, work: Callable[[], object], *streams: int) -> NoReturn:
    """Makes this process what a start would have made, and ends it."""
    code = 1
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = [request["module"], *request["arguments"]]
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
