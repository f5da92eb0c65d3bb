"""The skill: one page from which a coding agent learns the workflow."""

from importlib import resources


def read_skill() -> str:
    """The workflow with `mlflow-insights`, as one markdown page."""
    return resources.files(__name__.rpartition(".")[0]).joinpath("skill.md").read_text(encoding="utf-8")
