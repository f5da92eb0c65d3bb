"""The verbs as tools: through the protocol's own client on stdio, and as LangChain tools."""

import os
import sys
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

from analyze_experiment.agent.insights.opened import open_insights
from analyze_experiment.agent.insights.tools import langchain_tools, verbs
from analyze_experiment.tests.sample_traces import SampleExperiment

SERVE = "import sys; from analyze_experiment.agent.insights_cli import run; sys.exit(run(['serve-mcp']))"


def test_client_drives_an_analysis_over_stdio(sample_experiment: SampleExperiment) -> None:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": sample_experiment.uri}
    server = StdioServerParameters(command=sys.executable, args=["-W", "ignore", "-c", SERVE], env=environment)

    async def drive() -> None:
        async with Client(server) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert {verb.__name__ for verb in verbs()} == set(tools)
            assert tools["create_hypothesis"].description
            statement = tools["create_hypothesis"].input_schema["properties"]["statement"]
            assert statement["description"]
            names = {"run_name": "Full Analysis", "name": "All of it", "description": "Agent: keeps orders."}
            begun = await client.call_tool("create_analysis", {"experiment_id": "support-agent", **names})
            run_id = (begun.structured_content or {})["run_id"]
            stated = await client.call_tool(
                "create_hypothesis",
                {
                    "run_id": run_id,
                    "statement": "Cancelling fails.",
                    "rationale": "It did.",
                    "testing_plan": "1. Count. 2. Compare.",
                },
            )
            assert (stated.structured_content or {})["status"] == "TESTING", stated.content
            read = await client.call_tool("get", {"trace_id": sample_experiment.trace_ids[2], "link_to": run_id})
            assert [span["name"] for span in (read.structured_content or {})["spans"]] == ["agent", "cancel_order"]
            refused = await client.call_tool("get_issue", {"issue_id": "nonsense"})
            assert refused.is_error and "one looks like" in refused.content[0].text  # type: ignore[union-attr]  # it is text
            prompt = await client.get_prompt("analyze_experiment")
            assert "mlflow-insights create-hypothesis" in str(prompt.messages[0].content)

    anyio.run(drive)


def test_langchain_has_the_same_tools(sample_experiment: SampleExperiment, tmp_path: Path) -> None:
    tools = {tool.name: tool for tool in langchain_tools(open_insights(sample_experiment.uri, cache=tmp_path))}
    assert set(tools) == {verb.__name__ for verb in verbs()}
    assert tools["list_issues"].invoke({"experiment_id": "support-agent"}) == []
    assert "one looks like" in tools["get_issue"].invoke({"issue_id": "nonsense"})
    assert tools["create_issue"].args["title"]["description"]
