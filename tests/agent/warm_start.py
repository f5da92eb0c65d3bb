"""`run-analysis` in a process that is forked from one which has imported it: what a start costs is then paid once.

A program, because only a process without threads may fork: `python warm_start.py DESCRIPTOR` reads requests from the socket and
answers each with the exit code of the process that carried it out. That process has the arguments, the environment, the folder
and the streams that it is given, and does at its end what any interpreter does, but for taking all modules apart, which takes
longer than most of what is tested; it shares what two starts share, the code.
"""

import atexit
import gc
import importlib
import json
import os
import socket
import sys
import traceback
from typing import NoReturn, TypedDict

from analyze_experiment.agent.cli import run
from analyze_experiment.tests.quick_stores import quicken_stores

REQUEST_BYTES = 2**16


class Request(TypedDict):
    """A start of the script."""

    command: list[str]
    cwd: str
    env: dict[str, str]


def serve(channel: socket.socket) -> NoReturn:
    """Carries out requests, one after another, until there are no more."""
    quicken_stores()
    for name in ("attend", "session", "chat.entrance"):
        importlib.import_module(f"analyze_experiment.agent.{name}")
    gc.freeze()  # what is shared is not looked through, and so not copied, by each process
    while True:
        message, streams, _, _ = socket.recv_fds(channel, REQUEST_BYTES, 2)
        if not message:
            os._exit(0)
        child = os.fork()
        if child == 0:
            channel.close()
            carry_out(json.loads(message), *streams)
        for stream in streams:
            os.close(stream)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        channel.sendall(f"{code}\n".encode())


def carry_out(request: Request, stdout: int, stderr: int) -> NoReturn:
    """Makes this process what a shell would have started, and ends it."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = request["command"]
    for stream, number in ((stdout, 1), (stderr, 2)):
        os.dup2(stream, number)
        os.close(stream)
    code = 1
    try:
        code = run(sys.argv[1:])
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
