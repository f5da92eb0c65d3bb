"""An analysis that dies after any of its writes, and is gone on with, leaves the memory of one that was never disturbed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from analyze_experiment.evals.planted.build import build
from analyze_experiment.tests.agent import whole_analysis

SHARDS = 4
"""Parts into which the kills are divided, so that all cores can share them."""


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small planted store, made once for all processes of this test run."""
    folder = tmp_path_factory.getbasetemp().parent / "planted-60"
    with FileLock(f"{folder}.lock"):
        folder.mkdir(exist_ok=True)
        build(folder / "mlflow.db", traces=60)
    return folder / "mlflow.db"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_killed_analysis_leaves_in_the_end_what_an_undisturbed_one_does(shard: int, planted: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", whole_analysis.__file__, str(planted), str(tmp_path), str(shard), str(SHARDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    trials = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(trials) > 5
    assert [trial["label"] for trial in trials if not trial["same"]] == []
    assert "VALIDATED by test" in trials[0]["memory"]
    assert "status: COMPLETED" in trials[0]["memory"]
