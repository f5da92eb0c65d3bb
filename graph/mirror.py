"""The issues in MLflow's own pages: what people changed there is heeded first, what was found is shown there at the end."""

from ..tools.insights.mirror import Mirroring
from ..tools.insights.models import Analysis
from ..tools.links import Pages
from .context import Context
from .ports import Event


def heed_people(context: Context, experiment_id: str) -> None:
    """Takes over what people changed of earlier issues in MLflow's pages, before anything is made of them. Blocks."""
    if context.options.mirror:
        done = context.store.mirror_issues(experiment_id, progress=context.progress("setup", "looking at known issues"))
        _show_taken_over(context, done, step="setup")


def show_in_mlflow(context: Context, analysis: Analysis, *, traces: int) -> None:
    """Shows all issues of the experiment in MLflow's own pages, and says where. Blocks; shows its progress."""
    if not context.options.mirror:
        return
    progress = context.progress("issues", "showing issues in MLflow")
    done = context.store.mirror_issues(analysis.experiment_id, progress=progress)
    if not done.kept:
        context.display.show(
            Event("note", "This store keeps no issues of MLflow's own: they are in the memory alone.", step="issues")
        )
        return
    context.store.show_result(analysis.run_id, traces=traces)
    _show_taken_over(context, done, step="issues")
    page = Pages.of(context.options.ui_url, context.tracking.uri).issues(
        analysis.experiment_id, context.store.parent_run_id(analysis.experiment_id) or ""
    )
    where = f": {page}" if page else ", under Evaluation runs, Insights"
    context.display.show(Event("note", f"{done.mirrored:,} issues stand in MLflow's pages{where}", step="issues"))


def _show_taken_over(context: Context, done: Mirroring, *, step: str) -> None:
    for issue in done.taken_over:
        text = f"{issue.title}: {issue.severity}, {issue.status}, as a person set it in MLflow's pages"
        context.display.show(Event("note", text, step=step, subject=issue.issue_id))
