"""The set-up as a conversation: a store opened, an experiment chosen, an env file written; what is wrong is asked again."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from analyze_experiment.agent.environment import read_env_file
from analyze_experiment.agent.set_up.conversation import SetUp, set_up
from analyze_experiment.agent.set_up.env_file import as_lines, write_env_file
from analyze_experiment.tests.agent.console import contents
from analyze_experiment.tests.agent.whole import folder_of
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.errors import PersonNeeded, UserError
from analyze_experiment.tools.tracking import connect


class Script:
    """A person who answers from a list, and hears everything."""

    def __init__(self, *answers: str) -> None:
        self._answers = iter(answers)
        self.secrets: list[str] = []
        self.heard = ""

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """The next answer."""
        self.heard += f"{prompt}\n"
        answer = next(self._answers, None)
        if answer is None:
            raise PersonNeeded("The input ended.")
        if secret:
            self.secrets.append(answer)
        return answer

    def say(self, *lines: str) -> None:
        """Hears."""
        self.heard += "".join(f"{line}\n" for line in lines)


def run(person: Script, cwd: Path, environ: dict[str, str] | None = None, **wanted: str) -> SetUp:
    return set_up(person, cwd, {} if environ is None else environ, **wanted)


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "cwd").mkdir()
    return tmp_path / "cwd"


def test_store_that_is_not_there_is_asked_for_again_and_the_right_one_is_kept(
    sample_experiment: SampleExperiment, cwd: Path
) -> None:
    database = sample_experiment.uri.removeprefix("sqlite:///")
    person = Script("7", "1", "nowhere.db", "1", "", "1", database, "default", "zzz", "support", "")
    found = run(person, cwd)
    assert found == SetUp(sample_experiment.uri, "1", cwd / ".env")
    for said in (
        "'7' is none of these",
        "There is no MLflow store at",
        "It answers: 2 experiments",
        "'Default' has no traces",
        "No experiments fit 'zzz'",
        "'support-agent' (id 1): read the newest 5 traces with",
        "Wrote ",
    ):
        assert said in person.heard
    assert read_env_file(cwd / ".env") == {"MLFLOW_TRACKING_URI": sample_experiment.uri, "MLFLOW_EXPERIMENT_ID": "1"}
    assert stat.S_IMODE((cwd / ".env").stat().st_mode) == 0o600
    assert [path.name for path in cwd.iterdir()] == [".env"]


def test_env_file_that_is_there_is_never_overwritten(sample_experiment: SampleExperiment, cwd: Path) -> None:
    (cwd / ".env").write_text("OTHER=1\n", encoding="utf-8")
    person = Script("1", sample_experiment.uri, ".env", "")
    found = run(person, cwd, wanted=sample_experiment.name)
    assert "is there already, and is never overwritten" in person.heard
    assert "Next time: --env-file mlflow.env" in person.heard
    assert found.env_file == cwd / "mlflow.env"
    assert (cwd / ".env").read_text(encoding="utf-8") == "OTHER=1\n"


def test_env_file_that_names_a_store_gets_the_experiment_added(sample_experiment: SampleExperiment, cwd: Path) -> None:
    path = cwd / "team.env"
    path.write_text(f"# ours\nMLFLOW_TRACKING_URI={sample_experiment.uri}", encoding="utf-8")
    found = run(Script("3", "none.env", "3", "team.env", "support-agent"), cwd)
    assert found == SetUp(sample_experiment.uri, "1", path)
    assert path.read_text(encoding="utf-8").splitlines()[0] == "# ours"
    assert read_env_file(path)["MLFLOW_EXPERIMENT_ID"] == "1"


def test_variables_of_the_shell_are_used_and_not_copied(sample_experiment: SampleExperiment, cwd: Path) -> None:
    person = Script("3", "", "3", "back", "3", "")
    with pytest.raises(PersonNeeded):
        run(person, cwd)
    assert "MLFLOW_TRACKING_URI isn't set in this shell" in person.heard
    found = run(Script("3", "", "2", "mine.env"), cwd, {"MLFLOW_TRACKING_URI": sample_experiment.uri}, wanted="nothing like it")
    assert found.tracking_uri == sample_experiment.uri
    assert read_env_file(cwd / "mine.env") == {"MLFLOW_EXPERIMENT_ID": "1"}


def test_secret_of_a_store_that_does_not_answer_is_not_left_behind(cwd: Path) -> None:
    environ = {"DATABRICKS_HOST": "https://of-the-shell"}
    person = Script("2", "1", "https://127.0.0.1:1", "dapi-secret", "", "2", "2", "nobody", "")
    with pytest.raises(PersonNeeded):
        run(person, cwd, environ)
    assert person.secrets == ["dapi-secret"]
    assert "dapi-secret" not in person.heard
    assert environ == {"DATABRICKS_HOST": "https://of-the-shell"}


def test_looking_makes_nothing(sample_experiment: SampleExperiment, cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cwd)
    folder = folder_of(sample_experiment.uri)
    connect(sample_experiment.uri).client.search_experiments()
    before = contents(cwd), contents(folder)
    with pytest.raises(PersonNeeded):
        run(Script("1", "mlflow.db", "1", "sqlite:///also-not-here.db", "1", sample_experiment.uri, "support-agent"), cwd)
    assert (contents(cwd), contents(folder)) == before
    assert "MLFLOW_TRACKING_URI" not in os.environ


VALUES = {
    "MLFLOW_TRACKING_URI": "postgresql://me:geheim@host/db?sslmode=require",
    "DATABRICKS_TOKEN": "dapi123",
    "ODD": 'it\'s # \\ "odd" $HOME',
}


def test_written_values_are_read_back_as_they_were_and_shown_without_secrets(cwd: Path) -> None:
    write_env_file(cwd / "x.env", VALUES)
    assert read_env_file(cwd / "x.env") == VALUES
    shown = "\n".join(as_lines(VALUES, masked=True))
    assert [secret for secret in ("geheim", "dapi123") if secret in shown] == []
    with pytest.raises(UserError, match="line break"):
        write_env_file(cwd / "y.env", {"A": "1\nB=2"})
    assert not (cwd / "y.env").exists()


def names(lines: Sequence[str]) -> list[str]:
    return [line.partition("=")[0] for line in lines]


def test_every_value_is_named_even_where_it_is_masked() -> None:
    assert names(as_lines(VALUES, masked=True)) == list(VALUES)
