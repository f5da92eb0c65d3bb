"""The recipes of docs/scheduling.md are what they claim to be, as far as that can be tried here."""

import ast
import re
import shutil
import subprocess
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from analyze_experiment.agent.config_file import read_config
from analyze_experiment.agent.outcome import WORST_FIRST
from analyze_experiment.agent.settings import Settings

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "scheduling.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_configuration_of_the_page_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "analyses.yaml"
    path.write_text(blocks("yaml")[0], encoding="utf-8")
    assert [scope.name for scope in read_config(path, Settings.model_fields)] == ["support", "retail"]


def recipe(key: str) -> dict[str, Any]:
    """The block of YAML that has this key at its top."""
    return next(found for block in blocks("yaml") if key in (found := _loaded(block)))


def _loaded(block: str) -> dict[str, Any]:
    """`on` is a key of GitHub's, and a truth of YAML 1.1."""
    return {("on" if key is True else str(key)): value for key, value in yaml.safe_load(block).items()}


def written(key: str, folder: Path) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(next(block for block in blocks("yaml") if key in _loaded(block)), encoding="utf-8")
    return path


def test_python_of_the_page_compiles_and_the_dag_runs_one_batch_at_a_time() -> None:
    signed, dag = blocks("python")
    compile(signed, "notification", "exec")
    tree = ast.parse(dag)
    given = {each.arg: ast.literal_eval(each.value) for each in ast.walk(tree) if isinstance(each, ast.keyword) and each.arg}
    assert (given["max_active_runs"], given["catchup"], given["skip_on_exit_code"]) == (1, False, 75)
    understood(given["bash_command"].split())


def test_job_of_kubernetes_never_overlaps_and_tries_no_settled_end_again() -> None:
    spec = recipe("apiVersion")["spec"]
    job = spec["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    assert (spec["concurrencyPolicy"], pod["restartPolicy"]) == ("Forbid", "Never")
    (rule,) = job["podFailurePolicy"]["rules"]
    assert {code for code in WORST_FIRST if code < 75} - {0, 1} == set(rule["onExitCodes"]["values"])
    (container,) = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    understood(container["args"])


def test_job_of_databricks_has_what_it_runs_in() -> None:
    job = recipe("resources")["resources"]["jobs"]["agent_analysis"]
    (task,) = job["tasks"]
    assert task["environment_key"] in {each["environment_key"] for each in job["environments"]}
    assert job["max_concurrent_runs"] == 1
    wheel = task["python_wheel_task"]
    scripts = {each.name for each in distribution(wheel["package_name"]).entry_points}
    assert wheel["entry_point"] in scripts
    understood([wheel["entry_point"], *wheel["parameters"]])


def test_workflow_of_github_queues_behind_itself() -> None:
    workflow = recipe("on")
    assert workflow["concurrency"]["cancel-in-progress"] is False
    runs = [step["run"] for step in workflow["jobs"]["analyse"]["steps"] if "run" in step]
    understood(runs[-1].split())


def understood(command: list[str]) -> None:
    """A command is one that `run-analysis` has, with options that it knows."""
    name, verb, _, *options = command
    assert (name, verb) == ("run-analysis", "batch")
    known = {f"--{field.replace('_', '-')}" for field in Settings.model_fields}
    assert {option for option in options if option.startswith("--")} <= known


@pytest.mark.skipif(shutil.which("check-jsonschema") is None, reason="check-jsonschema isn't installed")
def test_workflow_meets_the_schema_of_github(tmp_path: Path) -> None:
    command = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(written("on", tmp_path))]
    subprocess.run(command, check=True)


@pytest.mark.skipif(shutil.which("kubernetes-validate") is None, reason="kubernetes-validate isn't installed")
def test_job_meets_the_schema_of_kubernetes(tmp_path: Path) -> None:
    subprocess.run(["kubernetes-validate", "--strict", str(written("apiVersion", tmp_path))], check=True)


@pytest.mark.skipif(find_spec("databricks") is None, reason="databricks-bundles isn't installed")
def test_job_is_made_of_fields_that_databricks_knows() -> None:
    jobs = pytest.importorskip("databricks.bundles.jobs")
    jobs.Job.from_dict(recipe("resources")["resources"]["jobs"]["agent_analysis"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd isn't installed")
def test_units_pass_the_verification_of_systemd(tmp_path: Path) -> None:
    service, timer = blocks("ini")
    (tmp_path / "agent-analysis.service").write_text(
        service.replace("/usr/local/bin/run-analysis", "/bin/true"), encoding="utf-8"
    )
    (tmp_path / "agent-analysis.timer").write_text(timer, encoding="utf-8")
    command = ["systemd-analyze", "verify", "./agent-analysis.service", "./agent-analysis.timer"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_line_for_cron_has_five_times_a_user_and_a_command() -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith("    17 6 "))
    understood(["run-analysis", *line.partition("run-analysis")[2].partition(" 2>>")[0].split()])
    assert re.fullmatch(r"    (?:[\d*/,-]+ ){5} ?\w+  /\S+ .*", line)
