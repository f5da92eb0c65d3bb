"""A whole statistical analysis on a Spark Connect server: the report and every figure are those of DuckDB."""

import re
from pathlib import Path

import pytest

from analyze_experiment.agent.outcome import Outcome
from analyze_experiment.tests.agent.whole import INSTANT, GivenAnalyst, analyse, entries, folder_of, memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.tools.testing.small_plans import SLICES
from analyze_experiment.tools.insights.models import HypothesisDraft
from analyze_experiment.tools.testing.render import render_plan

pytestmark = pytest.mark.xdist_group("spark")

SEARCH = HypothesisDraft(
    statement="Errors concentrate in a version.",
    testing_plan=render_plan(SLICES),
    plan=SLICES,
    source="slice",
    kind="operational",
)
NAMES = ("swallowed_tool_errors", "verbose_answers_hide_failures", "slow_tail_since_latest_version")
DRAFTS = (*entries(*NAMES), SEARCH)
"""One of each way to decide beside the census's counts: a rate with what can't be judged, a contrast, a shift, a search."""


def analysed(template: Path, folder: Path, **settings: str) -> tuple[str, Outcome]:
    uri = copy_store(template, folder)
    return uri, analyse(uri, human=None, stop=None, watcher=None, analyst=GivenAnalyst(DRAFTS), now=INSTANT, **settings)


def reported(uri: str, outcome: Outcome) -> str:
    """The report without the ids of the run and the folder."""
    text = (folder_of(uri) / "report.md").read_text(encoding="utf-8")
    return re.sub(r"\b[0-9a-f]{32}\b", "RUN", text).replace(str(folder_of(uri)), "FOLDER")


def test_report_and_every_query_of_an_analysis_are_those_of_duckdb(
    planted_template: Path, spark_remote: str, tmp_path: Path
) -> None:
    here = analysed(planted_template, tmp_path / "duckdb")
    there = analysed(planted_template, tmp_path / "spark", engine="spark", spark_remote=spark_remote)

    assert there[1].status == here[1].status == "done"
    assert len(here[1].issues) > 3
    queries = [
        {
            (each.title, each.sql): (each.rows, each.columns, each.result_digest)
            for each in memory_of(uri).list_queries(outcome.run_id)
        }
        for uri, outcome in (here, there)
    ]
    assert queries[1] == queries[0]
    assert reported(*there) == reported(*here)
