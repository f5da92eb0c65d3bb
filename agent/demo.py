"""The demonstration: a sample experiment in a store of its own, beside the current folder, analysed like any other."""

from pathlib import Path

from ..graph.ports import Display, Event
from .settings import Settings

FOLDER = Path("demo")


def prepare_demo(settings: Settings, *, display: Display) -> Settings:
    """Builds the sample experiment where it isn't there yet, and points the settings at it."""
    from ..evals.planted.build import build  # late: nobody else needs the generator
    from ..evals.planted.store import EXPERIMENT

    database = (FOLDER / "mlflow.db").resolve()
    display.show(Event("step", f"Building the sample experiment in {FOLDER}/mlflow.db", step="demo"))
    build(database)
    return settings.model_copy(
        update={
            "tracking_uri": f"sqlite:///{database}",
            "experiment": EXPERIMENT,
            "report": settings.report or FOLDER / "report.md",
        }
    )
