"""Settings: who wins, what is refused and how it is told, what stays secret."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyze_experiment.agent.settings import Resolved, Settings, load_settings
from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.insights.models import Severity
from analyze_experiment.tools.links import masked_uri

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def load(
    cwd: Path, flags: dict[str, object] | None = None, environ: dict[str, str] | None = None, env_file: str | None = None
) -> Resolved:
    if env_file is not None:
        (cwd / ".env").write_text(env_file, encoding="utf-8")
    return load_settings(flags or {}, {"HOME": str(cwd), **(environ or {})}, cwd, now=NOW)


def test_a_flag_comes_before_the_environment_before_the_env_file_before_the_default(tmp_path: Path) -> None:
    env_file = "ANALYZE_EXPERIMENT_SEED=3\nANALYZE_EXPERIMENT_UI_URL=http://file\nANALYZE_EXPERIMENT_ANALYST=language\n"
    environ = {"ANALYZE_EXPERIMENT_SEED": "2", "ANALYZE_EXPERIMENT_UI_URL": "http://environment"}
    resolved = load(tmp_path, {"seed": 1}, environ, env_file)
    assert resolved.settings.seed == 1
    assert resolved.settings.ui_url == "http://environment"
    assert resolved.settings.analyst == "language"
    assert resolved.origins["seed"] == "--seed"
    assert resolved.origins["ui_url"] == "ANALYZE_EXPERIMENT_UI_URL in the environment"
    assert resolved.origins["analyst"] == f"ANALYZE_EXPERIMENT_ANALYST in {tmp_path / '.env'}"
    assert resolved.origins["report"] == "default"


def test_nothing_given_leaves_the_store_unset_and_every_origin_a_default(tmp_path: Path) -> None:
    resolved = load(tmp_path)
    assert resolved.settings == Settings(cache=tmp_path / ".cache" / "analyze-experiment")
    assert resolved.settings.tracking_uri is None
    assert set(resolved.origins) == set(Settings.model_fields)
    assert set(resolved.origins.values()) == {"default"}


@dataclass(frozen=True)
class Case:
    expected: dict[str, object]
    flags: dict[str, object] = field(default_factory=dict[str, object])
    environ: dict[str, str] = field(default_factory=dict[str, str])
    env_file: str | None = None


UNDERSTOOD = {
    "mlflow's own keys": Case(
        {"tracking_uri": "sqlite:///m.db", "experiment": "7"},
        environ={"MLFLOW_TRACKING_URI": "sqlite:///m.db", "MLFLOW_EXPERIMENT_ID": "7", "MLFLOW_EXPERIMENT_NAME": "retail"},
    ),
    "our key before mlflow's": Case(
        {"experiment": "ours"}, environ={"MLFLOW_EXPERIMENT_NAME": "theirs", "ANALYZE_EXPERIMENT_EXPERIMENT": "ours"}
    ),
    "an empty key is no key": Case(
        {"experiment": "retail"}, environ={"MLFLOW_EXPERIMENT_ID": "", "MLFLOW_EXPERIMENT_NAME": "retail"}
    ),
    "an age": Case({"since": datetime(2026, 11, 16, 12, 0, tzinfo=UTC)}, {"since": "7d"}),
    "hours and minutes": Case(
        {"since": datetime(2026, 11, 22, 12, 0, tzinfo=UTC), "until": datetime(2026, 11, 23, 10, 30, tzinfo=UTC)},
        {"since": "24h", "until": "90m"},
    ),
    "a date is its first instant, UTC": Case({"since": datetime(2026, 11, 1, tzinfo=UTC)}, {"since": "2026-11-01"}),
    "an offset is carried to UTC": Case({"since": datetime(2026, 11, 1, 6, 30, tzinfo=UTC)}, {"since": "2026-11-01T08:30+02:00"}),
    "a severity in any case": Case({"fail_on": Severity.HIGH}, environ={"ANALYZE_EXPERIMENT_FAIL_ON": "High"}),
    "several focuses in one key": Case(
        {"focus": ("refunds", "slow tools")}, environ={"ANALYZE_EXPERIMENT_FOCUS": "refunds; slow tools;"}
    ),
    "several focuses by flag": Case({"focus": ("a; b", "c")}, {"focus": ["a; b", " c "]}),
    "a switch by word": Case(
        {"unattended": True, "debug": False}, environ={"ANALYZE_EXPERIMENT_UNATTENDED": "yes", "ANALYZE_EXPERIMENT_DEBUG": "0"}
    ),
    "an absolute cache home": Case({"cache": Path("/var/x/analyze-experiment")}, environ={"XDG_CACHE_HOME": "/var/x"}),
    "quotes, comments, export, no interpolation": Case(
        {"tracking_uri": "postgresql://u:${SECRET}@h/db", "experiment": "a # b", "seed": 4},
        env_file="# comment\nexport MLFLOW_TRACKING_URI=postgresql://u:${SECRET}@h/db\n\n"
        "MLFLOW_EXPERIMENT_NAME='a # b'\nANALYZE_EXPERIMENT_SEED=4 # four\n",
    ),
    "an env file with a byte order mark": Case({"seed": 5}, env_file="\ufeffANALYZE_EXPERIMENT_SEED=5\r\n"),
    "the demo by flag overrules the environment's store": Case(
        {"demo": True, "tracking_uri": None, "experiment": None},
        {"demo": True},
        {"MLFLOW_TRACKING_URI": "sqlite:///m.db", "MLFLOW_EXPERIMENT_ID": "7"},
    ),
    "a resume by flag overrules the env file's window": Case(
        {"resume": "abc", "since": None}, {"resume": "abc"}, env_file="ANALYZE_EXPERIMENT_SINCE=7d\n"
    ),
    "a switch that is off conflicts with nothing": Case(
        {"demo": False, "experiment": "7"}, environ={"ANALYZE_EXPERIMENT_DEMO": "false", "MLFLOW_EXPERIMENT_ID": "7"}
    ),
}


@pytest.mark.parametrize("case", UNDERSTOOD.values(), ids=UNDERSTOOD.keys())
def test_a_value_is_understood(tmp_path: Path, case: Case) -> None:
    settings = load(tmp_path, case.flags, case.environ, case.env_file).settings
    assert {name: getattr(settings, name) for name in case.expected} == case.expected


@dataclass(frozen=True)
class Refusal:
    said: str
    flags: dict[str, object] = field(default_factory=dict[str, object])
    environ: dict[str, str] = field(default_factory=dict[str, str])
    env_file: str | None = None


REFUSED = {
    "a misspelt key": Refusal(
        "Unknown setting 'ANALYZE_EXPERIMENT_ANALIST' in the environment. Did you mean 'ANALYZE_EXPERIMENT_ANALYST'?",
        environ={"ANALYZE_EXPERIMENT_ANALIST": "auto"},
    ),
    "an unknown key": Refusal("Unknown setting 'ANALYZE_EXPERIMENT_QQQ' in", env_file="ANALYZE_EXPERIMENT_QQQ=1\n"),
    "a broken line": Refusal(
        "Line 4 of '{cwd}/.env' is no NAME=value", env_file="A=1\n\n# fine\nthis is not a setting\nMLFLOW_EXPERIMENT_ID=1\n"
    ),
    "an open quote": Refusal("Line 2 of '{cwd}/.env' is no NAME=value", env_file="A=1\nB='open\nC=2\n"),
    "a name without a value": Refusal("Line 1 of '{cwd}/.env' is no NAME=value", env_file="export LONELY\n"),
    "an env file that isn't there": Refusal("There is no env file '{cwd}/no.env'", {"env_file": "no.env"}),
    "an env file that is a folder": Refusal("The env file '{cwd}' can't be read", {"env_file": "."}),
    "a time that is none": Refusal("--since: 'yesterday' is no time: say 2026-11-01", {"since": "yesterday"}),
    "an age beyond all time": Refusal("--since: '9999999999w' is no time", {"since": "9999999999w"}),
    "a window without inside": Refusal(
        "--since (2026-11-22 12:00 UTC) must be before --until (2026-11-21", {"since": "1d", "until": "2d"}
    ),
    "a window of no length": Refusal("must be before", {"since": "1d", "until": "24h"}),
    "a window in the future": Refusal("lies in the future", {"since": "2027-01-01"}),
    "a severity that is none": Refusal(
        "ANALYZE_EXPERIMENT_FAIL_ON in the environment: 'bad' is no severity", environ={"ANALYZE_EXPERIMENT_FAIL_ON": "bad"}
    ),
    "an analyst that is none": Refusal(
        "'oracle' is refused: input should be 'auto', 'statistical' or 'language'",
        environ={"ANALYZE_EXPERIMENT_ANALYST": "oracle"},
    ),
    "a seed that is none": Refusal(
        "ANALYZE_EXPERIMENT_SEED in the environment: 'x' is refused", environ={"ANALYZE_EXPERIMENT_SEED": "x"}
    ),
    "a negative seed": Refusal("--seed: -1 is refused", {"seed": -1}),
    "an empty flag": Refusal("--experiment is empty", {"experiment": " "}),
    "a report that is a folder": Refusal("is a folder: say which file in it", {"report": "."}),
    "a playbook that isn't there": Refusal("--playbook: there is no folder '{cwd}/books'", {"playbook": ["books"]}),
    "the demo with an experiment": Refusal("--demo and --experiment exclude each other", {"demo": True, "experiment": "x"}),
    "a resume with a window": Refusal("--resume and --since exclude each other", {"resume": "r", "since": "7d"}),
    "a resume with a seed of zero": Refusal("--resume and --seed exclude each other", {"resume": "r", "seed": 0}),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_value_is_refused_in_one_line_that_names_it(tmp_path: Path, case: Refusal) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, case.flags, case.environ, case.env_file)
    assert case.said.replace("{cwd}", str(tmp_path)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_overruled_says_by_what(tmp_path: Path) -> None:
    origins = load(tmp_path, {"demo": True}, {"MLFLOW_EXPERIMENT_ID": "7"}).origins
    assert origins["experiment"] == "default (MLFLOW_EXPERIMENT_ID in the environment is overruled by --demo)"


def test_other_keys_of_the_env_file_are_passed_on_and_not_shown(tmp_path: Path) -> None:
    resolved = load(
        tmp_path, env_file="DATABRICKS_TOKEN=dapi-1\nAWS_PROFILE=x\nMLFLOW_EXPERIMENT_ID=1\nANALYZE_EXPERIMENT_SEED=1\n"
    )
    assert resolved.passed_on == {"DATABRICKS_TOKEN": "dapi-1", "AWS_PROFILE": "x"}
    assert "dapi-1" not in repr(resolved)


def test_a_folder_called_env_is_no_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert load(tmp_path).passed_on == {}


def test_relative_paths_start_at_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    settings = load(tmp_path, {"report": "out/r.md", "playbook": ["books"], "cache": "c"}).settings
    assert (settings.report, settings.playbook, settings.cache) == (tmp_path / "out/r.md", (tmp_path / "books",), tmp_path / "c")


MASKED = {
    "postgresql://user:p@ss:w/rd@host:5432/db": "postgresql://user:***@host:5432/db",
    "https://dapi123@host/path": "https://***@host/path",
    "https://host/x?access_token=abc&page=2": "https://host/x?access_token=***&page=2",
    "postgresql://user@host/db?sslpassword=abc": "postgresql://user@host/db?sslpassword=***",
    "sqlite:////srv/mlflow.db": "sqlite:////srv/mlflow.db",
    "http://localhost:5000": "http://localhost:5000",
}


@pytest.mark.parametrize(("uri", "shown"), MASKED.items())
def test_secrets_of_a_uri_are_masked_and_the_rest_is_not(uri: str, shown: str) -> None:
    assert masked_uri(uri) == shown
