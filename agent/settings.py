"""The settings of a session: flag before environment before env file before default, and where each came from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..tools.errors import UserError
from ..tools.insights.models import Severity
from .config_file import pick_scope, read_config
from .environment import Given, Source, find_settings, others, read_env_file
from .setting_values import READERS, Frame, read_path

Output = Literal["rich", "plain", "json", "none"]


class Settings(BaseModel):
    """What a session is told. Each field is an option of the same name, and a key `ANALYZE_EXPERIMENT_<NAME>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracking_uri: str | None = None
    """The MLflow store. None: nobody said; MLflow's own default is never used."""
    experiment: str | None = None
    """Id or name."""
    focus: tuple[str, ...] = ()
    analyst: Literal["auto", "statistical", "language"] = "auto"
    since: datetime | Literal["last"] | None = None
    """First instant of the window of trace times, UTC; `last`: what came since the last completed analysis of the scope."""
    last: datetime | None = None
    """The same, said as the length of a window that ends now."""
    until: datetime | None = None
    """Last instant of the window, UTC."""
    filter: str | None = None
    """A condition that the traces meet, in the Databricks dialect over `traces`."""
    scope: str | None = None
    """Names a series of analyses, where several are about the same traces."""
    report: Path | None = None
    resume: str | None = None
    """The run id of the analysis to go on with."""
    list: bool = False
    unattended: bool = False
    """Nobody answers: questions get their declared default, or the session ends with exit code 5."""
    fail_on: Severity | None = None
    output: Output | None = None
    """How progress is shown. None: rich on a terminal, plain lines elsewhere."""
    ui_url: str | None = None
    """Where people open this store's pages, for links in result and report."""
    no_mirror: bool = False
    """Leaves MLflow's own issues alone: nothing is written there or on traces, and nothing is taken over."""
    playbook: tuple[Path, ...] = ()
    """Folders with entries beside the packaged ones."""
    cache: Path
    """The folder that snapshots are kept in."""
    engine: Literal["duckdb", "spark"] | None = None
    """What counts. None: Spark where `spark_remote` is given, else DuckDB."""
    spark_remote: str | None = None
    """Address of a Spark Connect server, sc://host:port; its parameters may hold a token."""
    spark_files: str | None = None
    """A folder or bucket that the snapshot is copied to for Spark; behind a comma its address for Spark, where that is another.
    None: the server sees the cache folder."""
    seed: int = Field(default=0, ge=0)
    model: str | None = None
    """The language model's name; without one, nothing is sent anywhere."""
    model_parallel: int = Field(default=4, ge=1, le=64)
    """Questions to the model in flight at the same time."""
    model_timeout: float = Field(default=300, gt=0, le=7200)
    """Seconds that one call of the model may take; small models on a processor need minutes."""
    context_tokens: int | None = Field(default=None, ge=2000)
    """What the model can take of a question and its answer together; learnt from its endpoint where nothing is said."""
    read_sample: int = Field(default=40, ge=0, le=1000)
    """Traces that the model reads before it proposes."""
    read_on: int = Field(default=300, ge=0, le=5000)
    """Traces that are read at most after a reading has validated something, to name all that are affected."""
    budget_tokens: int | None = Field(default=None, gt=0)
    """The most that an analysis may spend, over all its sessions; in and out together."""
    budget_usd: float | None = Field(default=None, gt=0)
    max_minutes: float | None = Field(default=None, gt=0)
    """Time in which the model may be asked, over all sessions."""
    price: tuple[str, ...] = ()
    """MODEL=IN/OUT or MODEL=IN/OUT/CACHED, in USD for a million tokens."""
    redact: bool = False
    """Whether secrets and personal data are masked before anything is sent to the model."""
    trace_agent: str | None = None
    """The experiment that our own calls to the model are recorded in, by id or name."""
    review: bool = False
    """Whether a person is asked about each hypothesis before it is tested."""
    debug: bool = False
    demo: bool = False
    config: Path | None = None
    """A file with the settings of one scope or several."""
    notify: str | None = None
    """The address that is told how it ended."""
    notify_format: Literal["json", "slack", "teams"] = "json"
    notify_details: bool = False
    """Whether titles of issues, which may hold names from the traces, go out too."""

    @property
    def begins(self) -> datetime | None:
        """First instant of the window; None: from the beginning, or from where the last analysis ended."""
        return self.last or (self.since if isinstance(self.since, datetime) else None)


@dataclass(frozen=True)
class Resolved:
    """The settings, and where each came from."""

    settings: Settings
    origins: dict[str, str]
    """Per setting the flag, key or file that gave it, or `default`."""
    passed_on: dict[str, str] = field(default_factory=lambda: dict[str, str](), repr=False)
    """What else the env file holds, for MLflow; may hold secrets."""


def load_settings(flags: Mapping[str, object], environ: Mapping[str, str], cwd: Path, *, now: datetime | None = None) -> Resolved:
    """The settings from all their sources.

    Args:
        flags: The options given on the command line, by field name; `env_file` besides.
        environ: The environment.
        cwd: The current folder: `.env` is looked for here, and relative paths start here.
        now: What relative times (`7d`) are measured from; the present instant by default.

    Raises:
        UserError: a value can't be understood, a key is unknown, a file can't be read, or two settings conflict.
    """
    env_file = _env_file(flags.get("env_file"), cwd)
    values = read_env_file(env_file) if env_file else {}
    names = frozenset(Settings.model_fields)
    given = {
        **find_settings(values, names, source=Source.ENV_FILE, place=str(env_file)),
        **find_settings(environ, names, source=Source.ENVIRONMENT, place="the environment"),
    }
    flagged = {name: Given(value, Source.FLAG, _option(name)) for name, value in flags.items() if name in names}
    given |= _from_config({**given, **flagged}, cwd, names) | flagged
    given, overruled = _settle(given)
    frame = Frame(cwd, now or datetime.now(UTC))
    settings = _build(given, frame, environ)
    _check_window(settings, given, frame.now)
    origins = {name: given[name].origin if name in given else overruled.get(name, "default") for name in Settings.model_fields}
    return Resolved(settings, origins, others(values))


def _from_config(given: Mapping[str, Given], cwd: Path, names: Collection[str]) -> dict[str, Given]:
    """The settings of the scope that is chosen in the configuration, where one is given."""
    if "config" not in given:
        return {}
    path = read_path(given["config"].value, Frame(cwd, datetime.now(UTC)))
    wanted = str(given["scope"].value) if "scope" in given else None
    return dict(pick_scope(read_config(path, names), wanted, path).given)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _env_file(flag: object, cwd: Path) -> Path | None:
    if flag is not None:
        return cwd / Path(str(flag)).expanduser()
    found = cwd / ".env"
    return found if found.is_file() else None


_CONFLICTS = (
    *((("demo", name), "the demo brings its own experiment") for name in ("experiment", "tracking_uri", "resume", "list")),
    *(
        (("resume", name), "it was fixed when the analysis began")
        for name in ("since", "last", "until", "filter", "scope", "seed")
    ),
    *((("last", name), "it is a window that ends now") for name in ("since", "until")),
    (("demo", "trace_agent"), "the demo's store has no other experiment"),
    (("resume", "list"), "one lists, the other goes on"),
    (("review", "unattended"), "nobody is there to review"),
)
_SWITCHES = frozenset(name for name, info in Settings.model_fields.items() if info.annotation is bool)
_OFF = {"0", "f", "false", "n", "no", "off"}


def _settle(given: dict[str, Given]) -> tuple[dict[str, Given], dict[str, str]]:
    """Of two settings that exclude each other the stronger source's stays: a flag isn't refused for what the environment says."""
    kept, overruled = dict(given), dict[str, str]()
    for (one, other), why in _CONFLICTS:
        if not (_on(one, kept) and _on(other, kept)):
            continue
        first, second = kept[one], kept[other]
        if first.source == second.source:
            raise UserError(f"{first.origin} and {second.origin} exclude each other ({why}): leave one out.")
        weaker, stronger = (one, second) if first.source > second.source else (other, first)
        overruled[weaker] = f"default ({kept.pop(weaker).origin} is overruled by {stronger.origin})"
    return kept, overruled


def _on(name: str, given: Mapping[str, Given]) -> bool:
    """Whether it is given, and isn't a switch that is turned off."""
    return name in given and not (name in _SWITCHES and str(given[name].value).lower() in _OFF)


def _build(given: Mapping[str, Given], frame: Frame, environ: Mapping[str, str]) -> Settings:
    values: dict[str, object] = {"cache": _default_cache(environ)}
    for name, (value, _, origin) in given.items():
        if isinstance(value, str) and not value.strip():
            raise UserError(f"{origin} is empty: give it a value, or leave it out.")
        try:
            values[name] = READERS[name](value, frame) if name in READERS else value
        except ValueError as error:
            raise UserError(f"{origin}: {error}") from None
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        raise UserError(f"{given[name].origin}: {first['input']!r} is refused: {first['msg'].lower()}.") from None


def _default_cache(environ: Mapping[str, str]) -> Path:
    """As the XDG base directory specification has it; a relative XDG_CACHE_HOME is to be ignored."""
    folder = Path(environ.get("XDG_CACHE_HOME", ""))
    return (folder if folder.is_absolute() else Path(environ.get("HOME") or Path.home()) / ".cache") / "analyze-experiment"


def _check_window(settings: Settings, given: Mapping[str, Given], now: datetime) -> None:
    since = settings.begins
    if since and since >= now:
        origin = given["last" if settings.last else "since"].origin
        raise UserError(f"{origin}: {since:%Y-%m-%d %H:%M} UTC lies in the future: choose an earlier time.")
    if since and settings.until and since >= settings.until:
        raise UserError(
            f"{given['since'].origin} ({since:%Y-%m-%d %H:%M} UTC) must be before "
            f"{given['until'].origin} ({settings.until:%Y-%m-%d %H:%M} UTC): no trace can lie between."
        )
