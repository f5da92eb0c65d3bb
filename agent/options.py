"""The options of the command lines, each stated once; a command takes those that it needs under the same name.

An alias carries type, metavar, panel and help; the default stands in the command's signature.
"""

from typing import Annotated, Literal

import typer

WHAT, WHO, MODEL, SHOW, MORE = "What to analyse", "How", "A language model", "What you get", "More"


def show_help(context: typer.Context, wanted: bool) -> None:
    """Prints the help of the command at hand and ends."""
    if wanted:
        context.get_help()  # prints
        raise typer.Exit


TrackingUri = Annotated[
    str | None,
    typer.Option(
        metavar="URI",
        rich_help_panel=WHAT,
        help="The MLflow store: sqlite:////srv/mlflow.db, postgresql://..., mysql+pymysql://..., a server's http://..., a file "
        "store's folder, databricks.",
    ),
]
Experiment = Annotated[
    str | None,
    typer.Option(metavar="ID_OR_NAME", rich_help_panel=WHAT, help="The experiment; you are asked if it isn't clear."),
]
Focus = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", rich_help_panel=WHAT, help="What to look at first. May be repeated."),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        rich_help_panel=WHAT,
        help="Only traces from then on: 7d, 24h, 90m ago, or 2026-11-01 (UTC); last: since the last analysis.",
    ),
]
Last = Annotated[
    str | None,
    typer.Option(metavar="TIME", rich_help_panel=WHAT, help="Only traces of the last 7d, 24h, 90m."),
]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter", metavar="SQL", rich_help_panel=WHAT, help="Only traces that meet a condition: \"tags['env'] = 'prod'\"."
    ),
]
ScopeName = Annotated[
    str | None,
    typer.Option(metavar="NAME", rich_help_panel=WHAT, help="Name of a series of analyses, or of a scope of --config."),
]
Until = Annotated[
    str | None,
    typer.Option(metavar="TIME", rich_help_panel=WHAT, help="Only traces up to then."),
]
ResumeRun = Annotated[
    str | None,
    typer.Option(metavar="RUN_ID", rich_help_panel=WHAT, help="Go on with this analysis where it was left."),
]
Demo = Annotated[
    bool,
    typer.Option("--demo", metavar="", rich_help_panel=WHAT, help="Build a sample experiment and analyse that."),
]
Analyst = Annotated[
    Literal["auto", "statistical", "language"] | None,
    typer.Option(
        rich_help_panel=WHO, help="Who thinks. statistical: no model, repeatable; auto: language where --model is given."
    ),
]
Unattended = Annotated[
    bool,
    typer.Option(
        "--unattended", metavar="", rich_help_panel=WHO, help="Never ask; take the default of each question, or end with 5."
    ),
]
Review = Annotated[
    bool,
    typer.Option("--review", metavar="", rich_help_panel=WHO, help="Ask about each hypothesis before it is tested."),
]
Playbook = Annotated[
    list[str] | None,
    typer.Option(metavar="DIR", rich_help_panel=WHO, help="Known failure modes of your own. May be repeated."),
]
CacheFolder = Annotated[
    str | None,
    typer.Option(metavar="DIR", rich_help_panel=WHO, help="Where copies of the traces are kept."),
]
EngineName = Annotated[
    Literal["duckdb", "spark"] | None,
    typer.Option(rich_help_panel=WHO, help="What counts: duckdb, here; spark, at --spark-remote, from some million traces on."),
]
SparkRemote = Annotated[
    str | None,
    typer.Option(metavar="URL", rich_help_panel=WHO, help="The Spark Connect server: sc://host:15002."),
]
SparkFiles = Annotated[
    str | None,
    typer.Option(
        metavar="URL[,URL]",
        rich_help_panel=WHO,
        help="Copy the traces there for Spark to read, s3a://bucket/folder (behind a comma: as Spark calls it, where otherwise); "
        "else it must see the cache folder. Of tables in Unity Catalog, Spark makes the copy there itself.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(metavar="N", rich_help_panel=WHO, help="Seed of all sampling: same seed, same traces, same report."),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", rich_help_panel=MODEL, help="The model that reads traces, at OPENAI_BASE_URL; trace text is sent there."
    ),
]
ModelParallel = Annotated[
    int | None,
    typer.Option(metavar="N", rich_help_panel=MODEL, help="Questions to it at the same time; 4 where nothing is said."),
]
ModelTimeout = Annotated[
    float | None,
    typer.Option(metavar="SEC", rich_help_panel=MODEL, help="Seconds that one call may take; 300 where nothing is said."),
]
ContextTokens = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        rich_help_panel=MODEL,
        help="What it can take of a question and its answer, in tokens; less is shown where that is little. Learnt from the "
        "endpoint where nothing is said.",
    ),
]
ReadSample = Annotated[
    int | None,
    typer.Option(metavar="N", rich_help_panel=MODEL, help="Traces that it reads before it proposes; 40 where nothing is said."),
]
ReadOn = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        rich_help_panel=MODEL,
        help="Traces that it reads at most after a verdict by reading, to name all that are affected; 300 where nothing is "
        "said, 0 for none.",
    ),
]
BudgetTokens = Annotated[
    int | None,
    typer.Option(metavar="N", rich_help_panel=MODEL, help="The most tokens that the analysis may spend, in and out."),
]
BudgetUsd = Annotated[
    float | None,
    typer.Option(metavar="USD", rich_help_panel=MODEL, help="The most money that it may spend; needs --price."),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(metavar="MIN", rich_help_panel=MODEL, help="How long the model may be asked."),
]
ModelPrice = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODEL=IN/OUT", rich_help_panel=MODEL, help="USD for a million tokens, /CACHED may follow. May be repeated."
    ),
]
Redact = Annotated[
    bool,
    typer.Option("--redact", metavar="", rich_help_panel=MODEL, help="Mask secrets and personal data before anything is sent."),
]
TraceAgent = Annotated[
    str | None,
    typer.Option(metavar="ID_OR_NAME", rich_help_panel=MODEL, help="Record our own calls to it in this other experiment."),
]
ReportPath = Annotated[
    str | None,
    typer.Option(metavar="PATH", rich_help_panel=SHOW, help="Where to write the report (Markdown)."),
]
Output = Annotated[
    Literal["rich", "plain", "json", "none"] | None,
    typer.Option(rich_help_panel=SHOW, help="How progress is shown; json makes the result JSON too."),
]
FailOn = Annotated[
    Literal["low", "medium", "high", "critical"] | None,
    typer.Option(case_sensitive=False, rich_help_panel=SHOW, help="Exit with 3 if an issue is at least this severe."),
]
UiUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", rich_help_panel=SHOW, help="Where people open MLflow's pages, for links in the report."),
]
NoMirror = Annotated[
    bool,
    typer.Option(
        "--no-mirror", metavar="", rich_help_panel=SHOW, help="Don't show the issues in MLflow's own pages, nor on its traces."
    ),
]
ListThem = Annotated[
    bool,
    typer.Option("--list", metavar="", rich_help_panel=MORE, help="List the experiments, with --experiment its analyses too."),
]
ConfigFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", rich_help_panel=MORE, help="Read settings from a YAML file; --scope chooses among several."),
]
Notify = Annotated[
    str | None,
    typer.Option(metavar="URL", rich_help_panel=SHOW, help="Tell this address how it ended (docs/scheduling.md)."),
]
NotifyFormat = Annotated[
    Literal["json", "slack", "teams"] | None,
    typer.Option(rich_help_panel=SHOW, help="What --notify sends: signed JSON, or a message for people."),
]
NotifyDetails = Annotated[
    bool,
    typer.Option("--notify-details", metavar="", rich_help_panel=SHOW, help="Let titles of issues go out with --notify."),
]
EnvFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", rich_help_panel=MORE, help="Read settings and MLflow's keys from here instead of .env."),
]
ShowConfig = Annotated[
    bool,
    typer.Option("--show-config", metavar="", rich_help_panel=MORE, help="Show each setting and where it comes from, and end."),
]
Debug = Annotated[
    bool,
    typer.Option("--debug", metavar="", rich_help_panel=MORE, help="Show where an error came from."),
]
Version = Annotated[
    bool,
    typer.Option("--version", metavar="", rich_help_panel=MORE, help="Show the version and end."),
]
Help = Annotated[
    bool,
    typer.Option("--help", "-h", metavar="", is_eager=True, callback=show_help, rich_help_panel=MORE, help="Show this and end."),
]
