"""Labels by a person: traces are drawn at random for what was read, shown without what the judge said, and asked about.

These aren't verbs for programs: nobody but a person may answer, or the labels would correct one judge by another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ...graph.reading import is_read
from ...tools.errors import TraceReadError, UserError
from ...tools.insights.models import Correction, Drawing, HumanLabel, Hypothesis, HypothesisStatus, Judgement, LabelSet
from ...tools.reading.digest import digest
from ...tools.reporting.facts import gather_facts
from ...tools.reporting.html import render_html
from ...tools.reporting.markdown import render_markdown
from ...tools.testing.deciding_again import DecidedAgain, decide_by_labels
from ...tools.testing.labelling import correct, draw_traces
from .opened import Insights

SHOWN_TOKENS, WHOLE_TOKENS = 2_500, 40_000
"""Of the digest that a person is shown, and of the one that he may ask for."""

Label = Literal["affected", "not", "unclear"]


@dataclass
class Labelling:
    """The labels of one hypothesis, as they are given."""

    insights: Insights
    run_id: str
    hypothesis: Hypothesis
    labels: LabelSet
    judged: Mapping[str, Judgement]
    """What the judge said, by trace."""

    @property
    def correction(self) -> Correction | None:
        """What the labels given so far say; None while they say nothing."""
        result = self.hypothesis.result
        return correct(self.labels, result, self.hypothesis.verdict) if result is not None else None

    def show(self, trace_id: str, *, whole: bool = False) -> str:
        """A trace as a person is shown it, linked to the analysis; what happened where it can't be read."""
        store, experiment = self.insights.store, self.insights.store.get_analysis(self.run_id).experiment_id
        try:
            trace = store.reader.get(trace_id, run_id=self.run_id, experiment_id=experiment)
        except TraceReadError as error:
            return f"(it can't be read: {error})"
        return digest(trace, tokens=WHOLE_TOKENS if whole else SHOWN_TOKENS)

    def answer(self, trace_id: str, answer: Label) -> Judgement:
        """Keeps an answer, and gives what the judge said.

        Raises:
            UserError: the trace wasn't drawn.
        """
        if trace_id not in {each.trace_id for each in self.labels.drawn}:
            raise UserError(f"Trace {trace_id!r} wasn't drawn for this hypothesis: only labels of drawn traces count.")
        label = HumanLabel(trace_id=trace_id, answer=answer, at=self.insights.now())
        self.labels = self.insights.store.add_label(self.run_id, self.hypothesis.hypothesis_id, label)
        return self.judged[trace_id]


def settle(insights: Insights, run_id: str) -> list[DecidedAgain]:
    """Decides again what is labelled, against the judge's errors, and brings issues and the kept report up to date."""
    decided = decide_by_labels(insights.store, run_id)
    if decided and insights.mirror:
        insights.store.mirror_issues(insights.store.get_analysis(run_id).experiment_id)
    _write_report(insights, run_id)
    return decided


def _write_report(insights: Insights, run_id: str) -> None:
    """Writes the report that is kept in the analysis run again, with what labels say."""
    facts = gather_facts(insights.store, run_id, ui_url=insights.ui_url)
    insights.store.write_report(run_id, render_markdown(facts), render_html(facts))


def begin_labelling(
    insights: Insights, run_id: str, hypothesis_id: str | None, *, drawing: Drawing, sizes: tuple[int, int]
) -> list[Labelling]:
    """Draws traces for what was read, or goes on with what was drawn before.

    Args:
        insights: The memory.
        run_id: The analysis.
        hypothesis_id: One of its hypotheses; all that reading has validated, or that have labels, where none is named.
        drawing: As for `draw_traces`; what was drawn before stays as it was.
        sizes: As for `draw_traces`.

    Raises:
        UserError: nothing was read, or the hypothesis named isn't decided by reading.
    """
    store = insights.store
    analysis = store.get_analysis(run_id)
    if "issues" not in analysis.progress:
        raise UserError(f"Analysis {run_id} is still under way: finish it first (run-analysis --resume {run_id}).")
    if hypothesis_id is not None:
        chosen = [store.get_hypothesis(run_id, hypothesis_id)]
    else:
        chosen = [each for each in store.list_hypotheses(run_id) if is_read(each) and _is_asked_about(insights, run_id, each)]
    if not chosen:
        raise UserError(f"Reading has validated nothing in analysis {run_id}: name another hypothesis with --hypothesis-id.")
    judged: dict[str, dict[str, Judgement]] = {}
    for reading in store.list_readings(run_id):
        for said in reading.judgements:
            judged.setdefault(said.hypothesis_id, {})[reading.trace_id] = said
    seed = analysis.seed
    return [_begin(insights, run_id, each, judged.get(each.hypothesis_id, {}), drawing, sizes, seed) for each in chosen]


def _is_asked_about(insights: Insights, run_id: str, hypothesis: Hypothesis) -> bool:
    """Whether a person is asked without naming it: reading has validated it, or labels were begun before they changed that."""
    if hypothesis.status is HypothesisStatus.VALIDATED:
        return True
    return insights.store.read_labels(run_id, hypothesis.hypothesis_id) is not None


def _begin(
    insights: Insights,
    run_id: str,
    hypothesis: Hypothesis,
    judged: Mapping[str, Judgement],
    drawing: Drawing,
    sizes: tuple[int, int],
    seed: int,
) -> Labelling:
    subject, plan = hypothesis.hypothesis_id, hypothesis.plan
    if plan is None or plan.reading is None or hypothesis.result is None:
        raise UserError(f"Hypothesis {subject} wasn't decided by reading: there is no judge whose errors labels could tell.")
    drawn = draw_traces(
        {trace_id: said.answer for trace_id, said in judged.items()},
        hypothesis_id=subject,
        question=plan.reading.question,
        drawing=drawing,
        sizes=sizes,
        seed=seed,
    )
    return Labelling(insights, run_id, hypothesis, insights.store.write_draw(run_id, drawn), judged)
