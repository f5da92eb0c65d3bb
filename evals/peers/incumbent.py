"""MLflow's own `discover_issues` on a store, as a program of its own: it works on the process's tracking URI and active run.

`python -m analyze_experiment.evals.peers.incumbent URI EXPERIMENT_ID MODEL SAMPLE` prints one JSON line: the issues, each with
its title and the traces that it marked.
"""

import json
import logging
import sys
from collections import defaultdict
from typing import Any

SESSION = "mlflow.trace.session"
MANY = 100
"""Issues that it may report; its default of 20 drops the smallest clusters."""


def main() -> None:
    """Runs it on a seeded sample of the experiment."""
    import mlflow
    from mlflow.environment_variables import MLFLOW_GENAI_DISCOVERY_TRIAGE_SAMPLE_SIZE
    from mlflow.genai.discovery.pipeline import discover_issues

    uri, experiment_id, model, sample = sys.argv[1:]
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=experiment_id)
    MLFLOW_GENAI_DISCOVERY_TRIAGE_SAMPLE_SIZE.set(int(sample))
    traces = _all_traces(mlflow.MlflowClient(), experiment_id)
    for trace in traces:
        # Of a session it marks the first trace alone, whatever trace it found wrong. Trace by trace it marks each one.
        trace.info.trace_metadata.pop(SESSION, None)
    result = discover_issues(experiment_id=experiment_id, traces=traces, model=f"openai:/{model}", max_issues=MANY)
    titles = {str(issue.issue_id): str(issue.name) for issue in result.issues}
    sys.stdout.write(json.dumps(_marked(_all_traces(mlflow.MlflowClient(), experiment_id), titles)) + "\n")


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
