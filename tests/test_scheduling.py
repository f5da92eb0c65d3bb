"""The recipes of docs/scheduling.md are what they claim to be, as far as that can be tried here."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from analyze_experiment.agent.config_file import read_config
from analyze_experiment.agent.settings import Settings

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "scheduling.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_configuration_of_the_page_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "analyses.yaml"
    path.write_text(blocks("yaml")[0], encoding="utf-8")
    assert [scope.name for scope in read_config(path, Settings.model_fields)] == ["support", "retail"]


def test_recipes_are_yaml_and_python() -> None:
    assert all(isinstance(yaml.safe_load(block), dict) for block in blocks("yaml"))
    for block in blocks("python"):
        ast.parse(block)


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
    assert re.fullmatch(r"    (?:[\d*/,-]+ ){5} ?\w+  /\S+ .*", line)
