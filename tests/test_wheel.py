"""The wheel holds all that an analysis needs: built, unpacked elsewhere, and run from there."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NO_SOURCES = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "demo", "mlruns", "*.egg-info")
RUN = "import sys; from analyze_experiment.agent.cli import main; main()"
WHERE = """
import json, analyze_experiment
from analyze_experiment.agent.demo import prepare_demo
from importlib.metadata import entry_points, version
(script,) = entry_points(group="console_scripts", name="run-analysis")
print(json.dumps([analyze_experiment.__file__, version("analyze-experiment"), script.value]))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel's files are in."""
    assert int(version("setuptools").partition(".")[0]) >= 80, "setuptools 80 or later must be in the virtualenv, as a dev extra"
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "sources", ignore=NO_SOURCES)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(folder / "sources")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    shutil.rmtree(folder / "sources")
    return folder / "unpacked"


def run_there(unpacked: Path, cwd: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code that finds the unpacked package before the one that is installed."""
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd.parent), "PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.mark.xdist_group("wheel")
def test_unpacked_package_is_the_one_that_is_imported(unpacked: Path, tmp_path: Path) -> None:
    done = run_there(unpacked, tmp_path, WHERE)
    assert done.returncode == 0, done.stderr
    file, found, script = json.loads(done.stdout)
    assert Path(file) == unpacked / "analyze_experiment" / "__init__.py"
    assert f"analyze_experiment-{found}.dist-info" in {path.name for path in unpacked.iterdir()}
    assert script == "analyze_experiment.agent.cli:main"


@pytest.mark.xdist_group("wheel")
def test_wheel_holds_the_package_and_no_tests(unpacked: Path) -> None:
    assert {path.name.partition("-")[0] for path in unpacked.iterdir()} == {"analyze_experiment"}
    package = unpacked / "analyze_experiment"
    assert [name for name in ("tests", "docs") if (package / name).exists()] == []
    for pattern in ("tools/testing/playbook/*.yaml", "tools/reporting/*.j2", "agent/insights/*.md"):
        names = {path.name for path in ROOT.glob(pattern)}
        assert names
        assert {path.name for path in package.glob(pattern)} == names


@pytest.mark.xdist_group("wheel")
def test_demo_runs_from_the_wheel_in_an_empty_folder(unpacked: Path, tmp_path: Path) -> None:
    cwd = tmp_path / "empty"
    cwd.mkdir()
    done = run_there(unpacked, cwd, RUN, "--demo", "--unattended", "--output", "json")
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = done.stdout.splitlines()
    result = json.loads(line)
    assert (result["status"], result["experiment_name"]) == ("done", "tarn-and-fell-concierge")
    assert "Rate limits refuse calls in bursts, 24 traces" in {issue["title"] for issue in result["issues"]}
    assert (cwd / "demo" / "report.md").read_text(encoding="utf-8").startswith("# Experiment 1 Comprehensive Analysis")
    assert [path.name for path in cwd.iterdir()] == ["demo"]
