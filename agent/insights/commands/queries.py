"""The verb about SQL."""

from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .traces import UNLINKED
from .verb import verb

if TYPE_CHECKING:
    from .call import Call

PANEL = "Traces"

SQL = """[bold]execute-sql or search[/]
  Use SQL for whatever counts, compares, joins or looks into texts; search for
  a few traces by simple conditions. Never count by hand.

[bold]Example[/]
  mlflow-insights execute-sql --link-to RUN_ID --sql "
    SELECT state, count(*) AS traces,
      avg(size(filter(spans, s -> s.status_code = 'ERROR'))) AS failed_spans
    FROM traces GROUP BY state"

  The relations, their columns, the rules and more examples follow.
"""

Sql = Annotated[str, typer.Option(rich_help_panel=options.WHAT, help="One SELECT in the Databricks dialect.")]
MaxRows = Annotated[int, typer.Option(metavar="N", min=1, rich_help_panel=options.WHAT, help="Rows that are shown.")]


def _relations() -> str:
    from ....tools.sql.help import relations_help

    return relations_help()


@verb("execute-sql", panel=PANEL, epilog=SQL, more_help=_relations, copies=True)
def execute_sql(
    call: "Call",
    experiment_id: options.Experiment = None,
    *,
    sql: Sql,
    link_to: options.LinkTo = None,
    max_rows: MaxRows = 1000,
) -> None:
    """Query all traces with SQL.

    It runs over a copy of the traces, taken or brought up to date by itself, never on the store. With --link-to it runs over the
    traces that the analysis is about, is kept there with a digest of its result, and the traces that the result names are linked.
    """
    from .. import queries
    from .texts import answer_cells

    analysis = call.run_if_named(link_to)
    answer = queries.execute_sql(
        call.insights, sql=sql, experiment_id=call.experiment_if_named, link_to=analysis, max_rows=max_rows
    )
    call.note(UNLINKED if not analysis else queries.UNNAMED if answer.shows_unnamed_texts else "")
    shown = len(answer.rows)
    document = {
        "query_id": answer.query_id,
        "columns": answer.columns,
        "rows": answer.rows,
        "row_count": answer.row_count,
        "truncated": shown < answer.row_count,
        "linked": answer.linked,
    }
    call.show_table(document, answer.columns, answer_cells(answer), none=f"No rows ({', '.join(answer.columns)}).")
    if shown < answer.row_count:
        call.note(f"{answer.row_count - shown:,} of {answer.row_count:,} rows are not shown: aggregate, or raise --max-rows.")
