"""Report: from the memory to a file that a person reads, and the end of the analysis (workflow 2.7, 2.8)."""

from pathlib import Path
from typing import Any, Literal

from langgraph.runtime import Runtime

from ...tools.errors import UserError
from ...tools.insights.models import Analysis, AnalysisStatus, Question
from ...tools.reporting.facts import gather_facts
from ...tools.reporting.html import render_html
from ...tools.reporting.markdown import render_markdown
from ..context import Context, enter, in_thread
from ..ports import Event
from ..questions import default_report, pending, text_of
from ..routes import is_open
from ..state import Reply, State, run_of

AnsweredBy = Literal["person", "policy", "option"]


async def report(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Asks where to save it where nobody said, writes the report, and completes the analysis.

    What was added while the question waited is tested first: the answer is kept, and the report is written once, when that is
    done.
    """
    context, reply, run_id = runtime.context, state.get("reply"), run_of(state)
    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    enter(runtime, "report", f"{analysis.rev} {reply}", reply)
    if context.options.report is None and reply is None and analysis.report_path is None:
        return pending("report")
    path, answered_by = _path(context, analysis, reply)
    if reply is not None and any(is_open(each) for each in await in_thread(lambda: context.store.list_hypotheses(run_id))):
        kept = Question(
            name="report", answer=str(path.expanduser().resolve()), answered_by=answered_by, answered_at=context.now()
        )
        await in_thread(lambda: _keep_path(context, run_id, kept))
        return {"reply": None}
    try:
        written = await in_thread(lambda: write_report(context, run_id, path))
    except UserError as error:
        if answered_by != "person":
            raise
        context.display.show(Event("note", str(error), step="report"))
        return {**pending("report"), "reply": None}
    answer = Question(name="report", answer=str(written), answered_by=answered_by, answered_at=context.now())
    await in_thread(lambda: _complete(context, run_id, answer))
    context.display.show(Event("report", str(written), step="report", subject=run_id))
    return {"reply": None}


def _path(context: Context, analysis: Analysis, reply: Reply | None) -> tuple[Path, AnsweredBy]:
    if context.options.report is not None:
        return context.options.report, "option"
    if reply is not None:
        return Path(text_of(reply, 0) or default_report(analysis.run_id)), reply["answered_by"]
    answered = analysis.answer("report")
    return Path(analysis.report_path or ""), answered.answered_by if answered else "option"


def _keep_path(context: Context, run_id: str, answer: Question) -> Analysis:
    def change(current: Analysis) -> Analysis:
        return current.model_copy(update={"report_path": answer.answer, "questions": _with_answer(current, answer)})

    return context.store.update_analysis(run_id, op=f"report path:{answer.answer}", change=change)


def write_report(context: Context, run_id: str, path: Path) -> Path:
    """Writes what is known into the memory, then to a file: a path that can't be written loses nothing.

    Raises:
        UserError: the path can't be written.
    """
    facts = gather_facts(context.store, run_id, ui_url=context.options.ui_url)
    text, page = render_markdown(facts), render_html(facts)
    context.store.write_report(run_id, text, page)
    target = path.expanduser().resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        page_beside(target).write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"The report can't be written to {str(target)!r} ({error.strerror}): choose another path with --report. "
            f"It is kept in the analysis run {run_id} as insights/report.md and insights/report.html."
        ) from error
    return target


def page_beside(markdown: Path) -> Path:
    """Where the page of a report goes: beside the markdown, under its name."""
    return markdown.with_suffix(".html") if markdown.suffix in {".md", ".markdown", ".txt"} else Path(f"{markdown}.html")


def _complete(context: Context, run_id: str, answer: Question) -> Analysis:
    def change(current: Analysis) -> Analysis:
        return current.model_copy(
            update={
                "status": AnalysisStatus.COMPLETED,
                "completed_at": context.now(),
                "report_path": answer.answer,
                "questions": _with_answer(current, answer),
                "progress": {**current.progress, "report": context.now()},
            }
        )

    analysis = context.store.get_analysis(run_id)
    return context.store.update_analysis(run_id, op=f"report:{len(analysis.closings)}:{analysis.asked_on}", change=change)


def _with_answer(current: Analysis, answer: Question) -> tuple[Question, ...]:
    return (*(each for each in current.questions if each.name != answer.name), answer)
