"""MLflow's own `discover_issues` on a store, as a program of its own: it works on the process's tracking URI and active run.

Prints one JSON line: the issues, each with its title and the traces that it marked. `compare` runs it.
"""

import argparse
import json
import logging
import sys
from collections import defaultdict
from typing import Any

from ..command_line import command_line

SESSION = "mlflow.trace.session"
MANY = 100
"""Issues that it may report; its default of 20 drops the smallest clusters."""


def main() -> None:
    """Runs it on a seeded sample of the experiment."""
    import mlflow
    from mlflow.environment_variables import MLFLOW_GENAI_DISCOVERY_TRIAGE_SAMPLE_SIZE
    from mlflow.genai.discovery.pipeline import discover_issues

    asked = _parser().parse_args()
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(asked.uri)
    mlflow.set_experiment(experiment_id=asked.experiment_id)
    MLFLOW_GENAI_DISCOVERY_TRIAGE_SAMPLE_SIZE.set(asked.sample)
    traces = _all_traces(mlflow.MlflowClient(), asked.experiment_id)
    for trace in traces:
        # Of a session it marks the first trace alone, whatever trace it found wrong. Trace by trace it marks each one.
        trace.info.trace_metadata.pop(SESSION, None)
    result = discover_issues(experiment_id=asked.experiment_id, traces=traces, model=f"openai:/{asked.model}", max_issues=MANY)
    titles = {str(issue.issue_id): str(issue.name) for issue in result.issues}
    sys.stdout.write(json.dumps(_marked(_all_traces(mlflow.MlflowClient(), asked.experiment_id), titles)) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = command_line("peers.incumbent", __doc__, takes="a call of the model a trace, and some more a cluster")
    parser.add_argument("uri", metavar="URI", help="the tracking URI; it writes its issues there")
    parser.add_argument("experiment_id", metavar="EXPERIMENT_ID")
    parser.add_argument("model", metavar="MODEL", help="the model's name at the endpoint (OPENAI_BASE_URL, OPENAI_API_KEY)")
    parser.add_argument("sample", type=int, metavar="SAMPLE", help="how many traces it judges")
    return parser


def _all_traces(client: Any, experiment_id: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = client.search_traces(locations=[experiment_id], max_results=500, page_token=token, include_spans=True)
        found += page
        token = page.token
        if not token:
            return found


def _marked(traces: list[Any], titles: dict[str, str]) -> list[dict[str, Any]]:
    marked: dict[str, set[str]] = defaultdict(set)
    for trace in traces:
        for mark in trace.info.assessments:
            if mark.issue is not None and mark.name in titles:
                marked[mark.name].add(trace.info.trace_id)
    return [{"title": title, "trace_ids": sorted(marked[issue_id])} for issue_id, title in titles.items()]


if __name__ == "__main__":
    main()
