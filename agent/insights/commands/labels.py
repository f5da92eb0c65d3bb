"""The verb that asks a person for labels."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .verb import verb

if TYPE_CHECKING:
    from ....tools.insights.models import DrawnTrace
    from ....tools.testing.deciding_again import DecidedAgain
    from ..labelling import Label, Labelling
    from .call import Call

PANEL = "Hypotheses"

LABEL = """[bold]Answers[/]
  a affected, n not, u unclear; m shows more of the trace, s puts it off,
  q ends. What was answered is kept at once: the same command goes on later.

[bold]Without a terminal[/]
  The same letters or words, one a line, on stdin in the order in which the
  traces are asked about; or --answers FILE with lines TRACE_ID,ANSWER.

[bold]Examples[/]
  mlflow-insights label RUN_ID
  mlflow-insights label RUN_ID --hypothesis-id H1f2e3d4c --at-random 120
  mlflow-insights label RUN_ID --answers labels.csv --output json
"""

Analysis = Annotated[str | None, typer.Argument(metavar="RUN_ID", help="The analysis; INSIGHTS_RUN_ID where it isn't given.")]
OneHypothesis = Annotated[
    str | None,
    typer.Option(
        metavar="H...", rich_help_panel=options.WHAT, help="The hypothesis; all that reading has validated where none is named."
    ),
]
Flagged = Annotated[
    int, typer.Option(metavar="N", min=0, rich_help_panel=options.WHAT, help="Traces drawn of those that the judge flags.")
]
Unflagged = Annotated[
    int, typer.Option(metavar="N", min=0, rich_help_panel=options.WHAT, help="Traces drawn of those that it doesn't flag.")
]
AtRandom = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, rich_help_panel=options.WHAT, help="Draw so many of all that were judged instead, flagged or not."
    ),
]
Answers = Annotated[
    Path | None,
    typer.Option(metavar="FILE", rich_help_panel=options.WHAT, help="Take the answers from lines TRACE_ID,ANSWER; ask nobody."),
]
WORDS: dict[str, "Label"] = {
    **dict.fromkeys(("a", "affected", "y", "yes"), "affected"),
    **dict.fromkeys(("n", "not", "no"), "not"),
    **dict.fromkeys(("u", "unclear", "?"), "unclear"),
}


@verb("label", panel=PANEL, epilog=LABEL)
def label(
    call: "Call",
    run_id: Analysis = None,
    *,
    hypothesis_id: OneHypothesis = None,
    flagged: Flagged = 30,
    unflagged: Unflagged = 30,
    at_random: AtRandom = None,
    answers: Answers = None,
) -> None:
    """Say of traces drawn at random whether they are affected, so that the judge's errors are known.

    Traces are drawn among those that the judge read, in an order that tells nothing of what it thinks; what it said is shown
    after each answer. The draw is kept, and stays the same. From the labels come the share that is really affected, with its
    interval. Once all that was drawn is answered, and 30 labels or more say something, the verdict is given again with the
    judge's errors allowed for; the issue, its severity and the report that is kept in the analysis run go by that then.
    """
    from ..labelling import begin_labelling, settle

    sizes = (at_random, 0) if at_random else (flagged, unflagged)
    begun = begin_labelling(
        call.insights,
        call.run(run_id),
        hypothesis_id,
        drawing="at random" if at_random else "by flag",
        sizes=sizes,
    )
    if answers is not None:
        _take(begun, answers)
    else:
        _ask_all(call, begun)
    decided: dict[str, DecidedAgain] = {}
    if any(each.correction is not None for each in begun):
        decided = {each.hypothesis.hypothesis_id: each for each in settle(call.insights, call.run(run_id))}
    pairs = [(each, decided.get(each.hypothesis.hypothesis_id)) for each in begun]
    call.show([_document(*each) for each in pairs], [line for each in pairs for line in _lines(*each)])


def _take(begun: "Sequence[Labelling]", answers: Path) -> None:
    """Takes the answers of a file; nothing is kept where a line can't be understood."""
    from ....tools.errors import UserError

    try:
        lines = answers.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{str(answers)!r} can't be read ({error}): check the path.") from error
    if len(begun) > 1:
        named = ", ".join(each.hypothesis.hypothesis_id for each in begun)
        raise UserError(f"--answers is about one hypothesis: name it with --hypothesis-id ({named}).")
    (labelling,) = begun
    drawn = {each.trace_id for each in labelling.labels.drawn}
    read: list[tuple[str, Label]] = []
    for number, line in enumerate(lines, start=1):
        trace_id, _, word = (part.strip().strip('"') for part in line.partition(","))
        if not line.strip() or (number == 1 and trace_id.lower() == "trace_id"):
            continue
        if word.lower() not in WORDS:
            raise UserError(f"{answers}, line {number}: {word!r} is no answer: say TRACE_ID,affected or not or unclear.")
        if trace_id not in drawn:
            raise UserError(f"{answers}, line {number}: trace {trace_id!r} wasn't drawn: only labels of drawn traces count.")
        read.append((trace_id, WORDS[word.lower()]))
    for trace_id, answer in read:
        labelling.answer(trace_id, answer)


def _ask_all(call: "Call", begun: "Sequence[Labelling]") -> None:
    """Asks about each trace of each hypothesis until it is answered, put off, or the person has had enough."""
    for labelling in begun:
        labels = labelling.labels
        call.say(f"{labelling.hypothesis.hypothesis_id}: {labels.question}")
        for trace in labels.pending:
            place = len(labelling.labels.labels) + 1
            if not _ask(call, labelling, trace, f"{place} of {len(labels.drawn)}"):
                return


def _ask(call: "Call", labelling: "Labelling", trace: "DrawnTrace", place: str) -> bool:
    """Asks about one trace; False where there is no more to be had."""
    call.say(f"\n--- {place}: {trace.trace_id}\n{labelling.show(trace.trace_id)}\n---\n{labelling.labels.question}")
    while True:
        word = call.ask("affected, not or unclear? [a/n/u, m more, s put off, q end] ")
        if word is None or word in {"q", "quit"}:
            return False
        if word in {"s", "skip"}:
            return True
        if word in {"m", "more"}:
            call.say(labelling.show(trace.trace_id, whole=True))
        elif word in WORDS:
            said = labelling.answer(trace.trace_id, WORDS[word])
            quoted = f' "{said.quote}"' if said.quote else ""
            call.say(f"The judge says: {said.answer}. {said.reason}{quoted}")
            return True
        else:
            call.say(f"{word!r} is no answer.")


def _document(labelling: "Labelling", decided: "DecidedAgain | None") -> dict[str, object]:
    labels, correction = labelling.labels, labelling.correction
    hypothesis = decided.hypothesis if decided else labelling.hypothesis
    return {
        **labels.model_dump(mode="json", exclude={"drawn"}),
        "drawn": [each.trace_id for each in labels.drawn],
        "pending": [each.trace_id for each in labels.pending],
        "correction": correction.model_dump(mode="json") if correction else None,
        "status": hypothesis.status,
        "verdict": hypothesis.verdict.model_dump(mode="json") if hypothesis.verdict else None,
    }


def _lines(labelling: "Labelling", decided: "DecidedAgain | None") -> Iterator[str]:
    from ....tools.testing.labelling import correction_in_words

    labels, correction = labelling.labels, labelling.correction
    done = f"{len(labels.labels):,} of {len(labels.drawn):,} traces drawn {labels.drawing} are labelled"
    yield f"{labels.hypothesis_id}: {done} ({labelling.hypothesis.statement})"
    if correction is not None:
        yield correction_in_words(correction)
        yield from _decided(labelling, decided)
    elif labels.labels:
        yield "They say nothing yet: traces of both kinds are needed, flagged and not."
    if labels.pending:
        yield f"Go on with: mlflow-insights label {labelling.run_id} --hypothesis-id {labels.hypothesis_id}"


def _decided(labelling: "Labelling", decided: "DecidedAgain | None") -> "Iterator[str]":
    """What has become of the verdict."""
    from ....tools.insights.models import HypothesisStatus
    from ....tools.testing.deciding_again import LEAST_LABELS

    if decided is None or decided.hypothesis.verdict is None:
        if not labelling.labels.pending:
            yield f"The verdict stays as it is: it takes {LEAST_LABELS} labels that say something to give it again."
        return
    before, hypothesis, issue = decided
    status = hypothesis.status
    yield f"The verdict {f'is {status} now, it was {before}' if status is not before else f'is {status} still'}."
    yield decided.hypothesis.verdict.reason
    if issue is not None:
        yield f"Issue {issue.issue_id} is {issue.status}, {issue.severity}."
    elif status is HypothesisStatus.VALIDATED:
        made = f"mlflow-insights create-issue --run-id {labelling.run_id} --hypothesis-id {hypothesis.hypothesis_id}"
        yield f"Make an issue of it: {made} --title ... --description ... --severity ..."
