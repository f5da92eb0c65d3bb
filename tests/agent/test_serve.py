"""A whole analysis over the LangGraph SDK: every question answered, the server restarted between two, ids alone in its state."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from analyze_experiment.tests.agent.console import environment
from analyze_experiment.tests.agent.whole import memory_of
from analyze_experiment.tests.sample_traces import SampleExperiment, SampleTrace, log_traces
from analyze_experiment.tools.insights.models import AnalysisStatus

pytest.importorskip("langgraph_api", reason="the extra [serve] isn't installed: pip install 'analyze-experiment[serve]'")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 180
QUIET = {"LANGSMITH_TRACING": "false", "LANGGRAPH_NO_VERSION_CHECK": "true", "NO_COLOR": "1"}
IDS = re.compile(r"[0-9a-f]{32}|H[0-9a-f]{8}|\d+|experiment|purpose|review|report")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def served(cwd: Path, uri: str) -> AsyncGenerator[LangGraphClient]:
    """The server of `langgraph dev` in a folder of its own, which keeps what it remembers from one start to the next."""
    port = free_port()
    command = [sys.executable, "-m", "langgraph_cli", "dev", "--config", str(ROOT / "langgraph.json")]
    options = ["--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port)]
    env = environment(
        cwd.parent / "home",
        MLFLOW_TRACKING_URI=uri,
        ANALYZE_EXPERIMENT_CACHE=str(cwd.parent / "cache"),
        ANALYZE_EXPERIMENT_REVIEW="true",
        PYTHONPATH=os.environ.get("PYTHONPATH", ""),
        **QUIET,
    )
    with (cwd / "server.log").open("a") as log:
        server = subprocess.Popen([*command, *options], cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        await ready(url, server, cwd / "server.log")
        async with get_client(url=url, api_key=None) as client:
            yield client
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


async def ready(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(PATIENCE_S * 10):
            assert server.poll() is None, log.read_text(encoding="utf-8")[-3000:]
            try:
                if (await client.get(f"{url}/ok")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8")[-3000:])


async def advance(client: LangGraphClient, thread: str, **given: Any) -> Mapping[str, Any] | None:
    """Runs to the next question, and gives its payload; None at the end. The state holds ids, and a question's name."""
    await client.runs.wait(thread, "analysis", **given)
    state = cast(Mapping[str, Any], await client.threads.get_state(thread))
    values = dict(state["values"])
    question = values.pop("question", None) or {"name": "report", "subjects": []}
    assert values.pop("reply", None) is None
    kept = [*values.values(), question["name"], *question["subjects"]]
    assert [each for each in kept if not IDS.fullmatch(str(each))] == []
    interrupts = [each for task in state["tasks"] for each in task["interrupts"]]
    return interrupts[0]["value"] if interrupts else None


def answer(*decisions: Mapping[str, object]) -> dict[str, Any]:
    return {"command": {"resume": {"decisions": list(decisions)}}}


async def analyse(uri: str, cwd: Path) -> list[str]:
    """Answers every question, restarting the server after the second; gives their names."""
    asked: list[str] = []

    def named(payload: Mapping[str, Any] | None) -> Mapping[str, Any]:
        assert payload is not None
        asked.append(str(payload["question"]))
        requests, configs = payload["action_requests"], payload["review_configs"]
        assert [each["name"] for each in requests] == [each["action_name"] for each in configs]
        assert all(each["allowed_decisions"] for each in configs)
        return payload

    async with served(cwd, uri) as client:
        thread = str((await client.threads.create())["thread_id"])
        named(await advance(client, thread, input={}))
        named(await advance(client, thread, **answer({"type": "respond", "message": "1"})))
        named(await advance(client, thread, command={"resume": "no answer to two requests"}))
    async with served(cwd, uri) as client:
        focus = {"type": "respond", "message": "repeated calls"}
        review = named(await advance(client, thread, **answer({"type": "respond", "message": "It lends boats."}, focus)))
        decisions = [{"type": "reject", "message": "dull"} for _ in review["action_requests"]]
        edited = {"name": "test_hypothesis", "args": {**review["action_requests"][0]["args"], "statement": "7%"}}
        decisions[:2] = [{"type": "edit", "edited_action": edited}, {"type": "approve"}]  # type: ignore[list-item]  # forms of both kinds
        named(await advance(client, thread, **answer(*decisions)))
        assert await advance(client, thread, **answer({"type": "respond", "message": "served.md"})) is None
    return asked


def test_whole_analysis_over_the_sdk_survives_a_restart_of_the_server(
    sample_experiment: SampleExperiment, tmp_path: Path
) -> None:
    uri = sample_experiment.uri
    log_traces(uri, "another-agent", [SampleTrace("Hello?")])
    for name in ("home", "cwd"):
        (tmp_path / name).mkdir()
    asked = asyncio.run(analyse(uri, tmp_path / "cwd"))
    assert asked == ["experiment", "purpose", "purpose", "review", "report"]
    store = memory_of(uri)
    (analysis,) = store.list_analyses("1")
    assert (analysis.status, analysis.agent_description) == (AnalysisStatus.COMPLETED, "It lends boats.")
    assert {each.name: each.answered_by for each in analysis.questions} == dict.fromkeys(
        ("purpose", "review", "report"), "person"
    )
    first, second, *others = store.list_hypotheses(analysis.run_id)
    assert (first.dropped, second.verdict is not None) == (True, True)
    assert any("7%" in each.statement and each.verdict is not None for each in others)
    assert (tmp_path / "cwd" / "served.md").read_text(encoding="utf-8") == store.read_report(analysis.run_id)
    assert "BlockingError" not in (tmp_path / "cwd" / "server.log").read_text(encoding="utf-8")
