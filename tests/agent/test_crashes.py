"""An analysis that dies after any of its writes, and is gone on with, leaves the memory of one that was never disturbed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from analyze_experiment.tests.agent import whole_analysis
from analyze_experiment.tests.tools.insights.crashes import Trial

SHARDS = 2
"""Parts into which the kills of the longest are divided, so that two cores can share them."""


def trials_of(scenario: str, template: Path, work: Path, *, shard: int = 0, shards: int = 1) -> list[Trial]:
    command = [sys.executable, "-W", "ignore", whole_analysis.__file__, scenario, *map(str, (template, work, shard, shards))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    trials = [Trial(**json.loads(line)) for line in done.stdout.splitlines()]
    assert len(trials) > 5
    assert [trial.label for trial in trials if not trial.same] == []
    return trials


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_killed_analysis_leaves_in_the_end_what_an_undisturbed_one_does(
    shard: int, planted_template: Path, tmp_path: Path
) -> None:
    undisturbed, *_ = trials_of("first night", planted_template, tmp_path, shard=shard, shards=SHARDS)
    assert "VALIDATED by test" in undisturbed.memory
    assert "status: COMPLETED" in undisturbed.memory


@pytest.mark.timeout(900)
def test_analysis_that_is_killed_while_it_follows_earlier_issues_follows_them_as_an_undisturbed_one(
    store_template: Path, tmp_path: Path
) -> None:
    undisturbed, *killed = trials_of("second night", store_template, tmp_path)
    assert undisturbed.memory.count("status: COMPLETED") == 2
    for standing in ("worse", "quiet"):
        assert f"standing: {standing}" in undisturbed.memory
    assert {"after artifact insights/issue"} <= {trial.label.split("_")[0] for trial in killed}


def test_analysis_that_is_killed_while_it_is_given_up_is_given_up(store_template: Path, tmp_path: Path) -> None:
    undisturbed, *_ = trials_of("given up", store_template, tmp_path)
    assert "status: FAILED" in undisturbed.memory
    assert '"status": "FAILED"' in undisturbed.memory
