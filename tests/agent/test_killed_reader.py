"""`kill -9` while a plan is being written, and while traces are read on after a verdict: what was answered is asked once."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analyze_experiment.tests.agent import killed_reader
from analyze_experiment.tests.agent.killed_reader import PARALLEL
from analyze_experiment.tests.agent.whole import folder_of, memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tests.scripted_model import Request, ScriptedModel, Silence
from analyze_experiment.tools.insights.models import HypothesisStatus

PROMISE = "I promise to refund you today."
TRACES = 32
PLAN = {
    "decision": "read",
    "statement": "The agent promises refunds that nobody makes.",
    "population_sql": "",
    "population_title": "",
    "affected_sql": "",
    "exposed_sql": "",
    "question": "Is it so that the agent promises a refund, which no rule allows?",
    "rejected_if": "hardly any trace has it",
    "why_none": "",
}
EXPLAINED = {
    "learnt": "",
    "looks": [],
    "title": "Agent promises refunds that nobody makes",
    "cause": "The prompt has no rule about refunds.",
    "mechanism_sql": "",
    "recommendation": "Add one.",
}


@dataclass
class Executioner:
    """Keeps quiet from some question on, and kills who asks once so many wait for an answer."""

    pid: Path
    """The file with the process's id."""
    waiting: int
    """Questions in flight when it is killed."""
    silenced: list[Request] = field(default_factory=lambda: list[Request]())
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def done(self) -> bool:
        """Whether it has killed."""
        return len(self.silenced) >= self.waiting

    def silence(self, request: Request) -> Silence:
        """No answer to this one."""
        with self._lock:
            self.silenced.append(request)
            if len(self.silenced) == self.waiting:
                os.kill(int(self.pid.read_text(encoding="utf-8")), signal.SIGKILL)
        return Silence()


def judged(request: Request) -> dict[str, Any]:
    """Whatever is asked: a promise is affected, and ended wrongly."""
    promises = PROMISE in request.user.split("<trace>")[1]
    said = {"answer": "affected", "quote": PROMISE, "consequence": "wrong", "consequence_quote": PROMISE}
    questions = request.user.split("<questions>")[1].split("</questions>")[0]
    numbers = [number for number in range(1, 9) if f"\n{number}. " in f"\n{questions.strip()}"]
    finding = said if promises else {"answer": "not", "quote": ""}
    return {"show": [], "findings": [{"number": number, "span": "", "reason": "So it is.", **finding} for number in numbers]}


def test_killed_while_it_plans_and_while_it_reads_on_it_asks_again_only_what_was_in_flight(
    store_template: Path, tmp_path: Path
) -> None:
    uri = copy_store(store_template, tmp_path / "store")
    log_traces(uri, "refunds", [SampleTrace(f"Order {n}?", PROMISE if n % 2 else f"It is here, {n}.") for n in range(TRACES)])
    pid = folder_of(uri) / "pid"
    planning, reading_on = Executioner(pid, 1), Executioner(pid, PARALLEL)

    def plan(request: Request) -> Any:
        return PLAN if planning.done else planning.silence(request)

    def judge(request: Request) -> Any:
        decided = not reading_on.done and any(each.verdict for each in memory_of(uri).list_hypotheses(run_id()))
        return reading_on.silence(request) if decided else judged(request)

    def run_id() -> str:
        return memory_of(uri).list_analyses("1")[0].run_id

    with ScriptedModel() as server:
        server.script("Purpose", {"description": "It looks up orders for people who ask about them."})
        server.script("Exploration", {"learnt": "", "found": [], "looks": []})
        server.script("WrittenPlan", plan, repeat=True)
        server.script("Judgements", judge, repeat=True)
        server.script("Explanation", EXPLAINED, repeat=True)
        command = [sys.executable, "-W", "ignore", killed_reader.__file__, uri, server.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == [-signal.SIGKILL, -signal.SIGKILL, 0], done.stderr[:5000]

    asked = [json.dumps(request.body, sort_keys=True) for request in server.requests]
    in_flight = [json.dumps(request.body, sort_keys=True) for request in (*planning.silenced, *reading_on.silenced)]
    assert sorted(each for each in set(asked) if asked.count(each) > 1) == sorted(in_flight)
    assert len(asked) - len(set(asked)) == 1 + PARALLEL
    store = memory_of(uri)
    (stated,) = [each for each in store.list_hypotheses(run_id()) if each.statement == killed_reader.STATED.statement]
    assert stated.status is HypothesisStatus.VALIDATED
    (issue,) = [each for each in store.list_issues("1") if each.hypothesis_id == stated.hypothesis_id]
    assert (issue.affected, issue.population) == (TRACES // 2, TRACES), "all were read"
