"""The verbs about typed plans."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .verb import verb

if TYPE_CHECKING:
    from .call import Call

PANEL = "Plans"

CHECK = """[bold]A typed plan[/] (docs/playbook.md has all keys)
  estimand: process          # the agent as it ran; snapshot: these traces
  population: SELECT trace_id FROM traces WHERE state = 'OK'
  population_title: finished traces
  steps:
    - role: affected         # also exposed, measure, unreadable
      title: the answer is empty
      sql: SELECT trace_id FROM traces WHERE response_chars = 0
  decision: {kind: rate, threshold: 0.05, threshold_source: user}
  rejected_if: it is surely less than 10%

  Decisions: count (at least k traces), rate (share above t), contrast (share
  among the exposed against the rest), shift (median or p95 of a measure
  against the rest), slices (any group against the rest).

[bold]Example[/]
  mlflow-insights plan --check empty.yaml --experiment-id 3
"""

RUN = """[bold]Together or one by one[/]
  Plans that are run together are decided as one batch; batches share 5% of
  error, and later ones get less of it. So state what you want to know first,
  and run all of it with one run-plan.

[bold]Examples[/]
  mlflow-insights run-plan --run-id RUN_ID
  mlflow-insights run-plan --hypothesis-id H1f2e3d4c --hypothesis-id H5a6b7c8d
"""

PlanToCheck = Annotated[
    Path, typer.Option("--check", metavar="FILE.yaml", rich_help_panel=options.WHAT, help="The plan that is looked over.")
]
Hypotheses = Annotated[
    list[str] | None,
    typer.Option(
        metavar="H...", rich_help_panel=options.WHAT, help="Which hypotheses; all that wait where none is named. May be repeated."
    ),
]


@verb("plan", panel=PANEL, epilog=CHECK, copies=True)
def plan(call: "Call", experiment_id: options.Experiment = None, *, check: PlanToCheck, run_id: options.Run = None) -> None:
    """Look a typed plan over before it is used: keys, SQL, an empty population, a decision by its own definition.

    Each statement is tried over all traces. How many traces are affected isn't told: a threshold that knows it proves nothing.
    Ends with 1 where something is wrong.
    """
    from ....tools.testing.render import render_plan
    from .. import plans
    from ..plan_files import read_plan

    read = read_plan(check)
    problems = plans.check_plan(
        call.insights, plan=read, experiment_id=call.experiment_if_named, run_id=call.run_if_named(run_id)
    )
    call.exit_code = 1 if problems else 0
    document = {"plan": str(check), "digest": read.digest, "in_words": render_plan(read), "problems": problems}
    verdict = [f"Wrong: {each}" for each in problems] or ["Nothing is wrong with it: it runs, and could come out either way."]
    call.show(document, [render_plan(read), "", *verdict])


@verb("run-plan", panel=PANEL, epilog=RUN, copies=True)
def run_plan(call: "Call", run_id: options.Run = None, *, hypothesis_id: Hypotheses = None) -> None:
    """Carry out typed plans over all traces of the analysis, and decide them.

    Each step is shown as it runs. Verdicts come when all are tested, with the error of the batch controlled; traces for and
    against become evidence. A text plan is carried out by hand. A VALIDATED hypothesis becomes an issue with create-issue, or
    all of them with `run-analysis --resume RUN_ID`.
    """
    from .. import plans
    from .texts import hypothesis_document, hypothesis_row, verdict_line

    decided = plans.run_plans(call.insights, run_id=call.run(run_id), hypothesis_ids=hypothesis_id or ())
    call.show_table(
        [hypothesis_document(each) for each in decided],
        ["ID", "Status", "Traces", "Evidence", "Statement"],
        [hypothesis_row(each) for each in decided],
        none="",
    )
    if not call.as_json:
        call.show(None, [verdict_line(each) for each in decided])
