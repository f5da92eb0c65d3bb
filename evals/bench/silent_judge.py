"""Readings whose judge never answers, to measure giving one up: what the person waits for, and when the server sees it."""

import asyncio
import json
import re
import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from analyze_experiment.agent.analysts.language import LanguageAnalyst
from analyze_experiment.agent.analysts.statistical import StatisticalAnalyst
from analyze_experiment.agent.model import Budget, Endpoint, LanguageModel
from analyze_experiment.graph import interventions
from analyze_experiment.graph.context import Context
from analyze_experiment.graph.ports import Estimate, Event, Proposal
from analyze_experiment.tools.insights.models import Analysis, Census, HypothesisDraft, Issue
from analyze_experiment.tools.testing.plan import Plan, Read, ReadStep
from analyze_experiment.tools.testing.playbooks import load_playbook
from analyze_experiment.tools.workbench import Workbench

LOOK_S = 0.001
NUMBER = re.compile(r"Nobody knows \((\d+)\)")


def unread(number: int) -> HypothesisDraft:
    """A hypothesis that is read, and about which nobody says anything."""
    question = ReadStep(title="a question", question=f"Nobody knows ({number}). Do you?")
    plan = Plan(estimand="snapshot", steps=(question,), decision=Read(threshold=0.05, threshold_source="user"))
    return HypothesisDraft(
        statement=f"Nobody knows ({number}).", testing_plan="Ask for ever.", plan=plan, source="user", kind="quality"
    )


class UnreadAnalyst(LanguageAnalyst):
    """Proposes one hypothesis that is read; all else is counted."""

    def __init__(self, address: str) -> None:
        counting = StatisticalAnalyst(load_playbook())
        model = LanguageModel(Endpoint("silent", address, api_key="none"), Budget())
        super().__init__(counting, model, _Dark(), sample=0)
        self._counting = counting

    async def estimate(self, bench: Workbench, analysis: Analysis) -> Estimate | None:
        """Nothing."""
        return None

    async def describe(self, bench: Workbench) -> str:
        """By counting."""
        return await self._counting.describe(bench)

    async def propose(self, bench: Workbench, analysis: Analysis, census: Census, earlier: Sequence[Issue]) -> Proposal:
        """The first of them; each is followed by the next when it is given up."""
        return Proposal([unread(0)])


class _Dark:
    def show(self, event: Event) -> None:
        """Shows nothing."""


@dataclass
class SilentServer:
    """Takes requests and answers none; notes when each was there and when its connection was closed, by hypothesis."""

    asked: dict[int, list[float]] = field(default_factory=lambda: defaultdict[int, list[float]](list))
    left: dict[int, list[float]] = field(default_factory=lambda: defaultdict[int, list[float]](list))
    _server: ThreadingHTTPServer | None = None
    _closing: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        """For OPENAI_BASE_URL."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def take(self, body: bytes, connection: socket.socket) -> None:
        """Waits until the client has gone."""
        found = NUMBER.search(json.loads(body)["messages"][-1]["content"])
        number = int(found[1]) if found else -1
        self.asked[number].append(time.perf_counter())
        while not self._closing.is_set():
            if select.select([connection], [], [], LOOK_S)[0]:
                self.left[number].append(time.perf_counter())
                return

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.take(self.rfile.read(int(self.headers["Content-Length"])), self.connection)
                self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.set()
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


@dataclass
class JudgeDropper:
    """Gives each reading up once its judge's call is in flight; the next is stated before."""

    server: SilentServer
    repeats: int
    settle_s: float
    context: Context | None = None
    acknowledged_s: list[float] = field(default_factory=lambda: list[float]())
    ended_s: list[float] = field(default_factory=lambda: list[float]())
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _begun: bool = False

    def show(self, event: Event) -> None:
        """Begins with the first reading."""
        if event.kind == "query" and not self._begun:
            self._begun = True
            asyncio.run_coroutine_threadsafe(self._drop_all(), self.loop)

    async def _drop_all(self) -> None:
        context = self.context
        assert context is not None and context.pool is not None
        run_id = context.pool.bench.run_id
        for number in range(self.repeats):
            subject = context.store.list_hypotheses(run_id)[number].hypothesis_id
            while not self.server.asked[number]:
                await asyncio.sleep(LOOK_S)
            if number + 1 < self.repeats:
                await asyncio.to_thread(context.store.create_hypothesis, run_id, unread(number + 1))
            await asyncio.sleep(self.settle_s)
            begin = time.perf_counter()
            await interventions.drop(context, run_id, subject, why="measured")
            self.acknowledged_s.append(time.perf_counter() - begin)
            while len(self.server.left[number]) < len(self.server.asked[number]):
                await asyncio.sleep(LOOK_S)
            self.ended_s.append(max(self.server.left[number]) - begin)
