"""The console script as a shell sees it: help, configuration, errors in one line, exit codes."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from analyze_experiment.agent.settings import Settings

SCRIPT = Path(sys.executable).parent / "run-analysis"


def run(folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(folder), "PATH": os.environ["PATH"], "COLUMNS": "80", **(environ or {})}
    return subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def test_help_teaches_at_80_columns(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    for taught in ("Examples", "--demo", "Exit codes", "75  another run holds the experiment", "MLFLOW_TRACKING_URI"):
        assert taught in done.stdout
    assert "\x1b" not in done.stdout


def test_help_shows_an_option_for_every_setting(tmp_path: Path) -> None:
    shown = run(tmp_path, "--help").stdout
    assert {name for name in Settings.model_fields if f"--{name.replace('_', '-')} " not in shown} == set()


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; import analyze_experiment.agent.cli, analyze_experiment.agent.settings, analyze_experiment.agent.launch; "
        "print(sorted({'mlflow', 'scipy', 'duckdb', 'langgraph', 'pyarrow', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_version_names_the_command(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "run-analysis")


def test_show_config_tells_values_and_origins_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "MLFLOW_TRACKING_URI=postgresql://me:hunter2@db/mlflow\nDATABRICKS_TOKEN=dapi-9\n", encoding="utf-8"
    )
    hook = ("--notify", "https://hooks.example.org/services/T0/hunter2")
    done = run(tmp_path, "--show-config", "--seed", "0", *hook, environ={"MLFLOW_EXPERIMENT_NAME": "retail"})
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert done.returncode == 0
    assert lines["tracking-uri"].split()[1] == "postgresql://me:***@db/mlflow"
    assert lines["experiment"].split(maxsplit=2)[1:] == ["retail", "MLFLOW_EXPERIMENT_NAME in the environment"]
    assert lines["seed"].split()[1:] == ["0", "--seed"]
    assert lines["notify"].split()[1] == "https://hooks.example.org/***"
    assert "(hidden)" in lines["DATABRICKS_TOKEN"]
    assert "hunter2" not in done.stdout + done.stderr
    assert "dapi-9" not in done.stdout + done.stderr


def test_show_config_as_json_is_one_object(tmp_path: Path) -> None:
    done = run(tmp_path, "--show-config", "--output", "json", "--since", "2026-01-01")
    shown = json.loads(done.stdout)
    assert shown["settings"]["since"] == {"value": "2026-01-01T00:00:00Z", "from": "--since"}
    assert set(shown["settings"]) == set(Settings.model_fields)


@dataclass(frozen=True)
class Wrong:
    said: str
    arguments: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict[str, str])
    env_file: str | None = None


WRONG = {
    "an unknown option": Wrong("Error: No such option: --sinse (Possible options: ", ("--sinse", "7d")),
    "an unknown command": Wrong("Error: No such command 'retail'.", ("retail",)),
    "a value missing": Wrong("Error: Option '--experiment' requires an argument.", ("--experiment",)),
    "a choice that is none": Wrong("Error: Invalid value for '--analyst': 'oracle' is not one of", ("--analyst", "oracle")),
    "no store": Wrong("Error: No MLflow store is given: say --tracking-uri"),
    "no store to list": Wrong("Error: No MLflow store is given", ("--list",)),
    "a conflict": Wrong("Error: --demo and --list exclude each other", ("--demo", "--list")),
    "a review without a reviewer": Wrong("Error: --review and --unattended exclude each other", ("--review", "--unattended")),
    "an unknown key": Wrong("Did you mean 'ANALYZE_EXPERIMENT_SINCE'?", environ={"ANALYZE_EXPERIMENT_SINSE": "7d"}),
    "a broken env file": Wrong("Error: Line 2 of ", env_file="A=1\nthis is not a setting\n"),
    "no such env file": Wrong("Error: There is no env file", ("--env-file", "nowhere.env")),
    "an escape in a value": Wrong("Error: --since: '\\x1b[31m' is no time", ("--since", "\x1b[31m")),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_in_one_line_with_exit_code_2(tmp_path: Path, case: Wrong) -> None:
    if case.env_file is not None:
        (tmp_path / ".env").write_text(case.env_file, encoding="utf-8")
    done = run(tmp_path, *case.arguments, environ=case.environ)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert case.said in done.stderr


def test_an_error_is_a_json_object_where_json_is_asked_for(tmp_path: Path) -> None:
    for arguments in (("--output", "json", "--sinse", "7d"), ("--output=json",)):
        done = run(tmp_path, *arguments)
        event = json.loads(done.stderr)
        assert (done.returncode, event["event"], event["exit_code"], done.stdout) == (2, "error", 2, "")


@pytest.mark.parametrize("arguments", [("--show-config",), ("--show-config", "--output", "json"), ("--version",)])
def test_a_reader_that_went_away_is_no_failure(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    try:
        done = subprocess.run(
            [str(SCRIPT), *arguments], cwd=tmp_path, env=env, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_closed_streams_are_no_failure(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    command = f"{SCRIPT} --show-config <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, env=env, timeout=60, check=False).returncode == 0
