"""The help of every verb: it fits 80 columns, teaches, and imports nothing heavy."""

import importlib
import subprocess
import sys

import pytest
import typer.main

from analyze_experiment.agent.insights.commands.verb import app
from analyze_experiment.agent.insights_cli import run

importlib.import_module("analyze_experiment.agent.insights_cli")
VERBS = sorted(str(each.name) for each in app.registered_commands)


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_fits_eighty_columns_and_breaks_no_line_of_ours(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*([verb] if verb else []), "--help"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.partition("RELATIONS")[0].splitlines())) <= 80
    command = typer.main.get_command(app)
    epilog = (command.commands[verb] if verb else command).epilog or ""  # type: ignore[attr-defined]  # a group has them
    kept = [line.replace("[bold]", "").replace("[/]", "").strip() for line in epilog.splitlines()]
    lines = {line.strip() for line in shown.splitlines()}
    assert [line for line in kept if line not in lines] == []


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    shown = capsys.readouterr().out
    assert [verb for verb in VERBS if f" {verb} " not in shown] == []


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'mlflow', 'scipy', 'duckdb', 'langgraph', 'pyarrow', 'numpy', 'pydantic', 'sqlglot'}"
    code = f"import sys, analyze_experiment.agent.insights_cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_verb_is_told_with_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list-hypothesis"]) == 2
    said = capsys.readouterr().err
    assert "list-hypotheses" in said
    assert said.count("\n") == 1
