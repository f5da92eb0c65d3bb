from datetime import UTC, datetime

from analyze_experiment.graph.routes import STEPS, first_open_step
from analyze_experiment.tools.insights.models import Analysis, AnalysisStatus, Hypothesis
from analyze_experiment.tools.testing.plan import Count, Plan, QueryStep

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PLAN = Plan(
    estimand="snapshot",
    steps=(QueryStep(role="affected", title="failed", sql="SELECT trace_id FROM traces WHERE state = 'ERROR'"),),
    decision=Count(at_least=3, threshold_source="playbook"),
)


def analysis(*done: str, status: AnalysisStatus = AnalysisStatus.ACTIVE) -> Analysis:
    return Analysis(
        created_at=NOW,
        updated_at=NOW,
        run_id="r",
        experiment_id="1",
        name="n",
        run_name="n",
        status=status,
        progress=dict.fromkeys(done, NOW),
    )


def hypothesis(**changes: object) -> Hypothesis:
    made = Hypothesis(
        created_at=NOW,
        updated_at=NOW,
        hypothesis_id="H1",
        statement="it fails",
        testing_plan="count",
        plan=PLAN,
        source="playbook",
        kind="operational",
    )
    return made.model_copy(update=changes)


def test_the_first_step_that_is_not_done_comes_next() -> None:
    for index, step in enumerate(STEPS):
        assert first_open_step(analysis(*STEPS[:index]), []) == step


def test_a_completed_analysis_is_at_its_end() -> None:
    assert first_open_step(analysis(*STEPS, status=AnalysisStatus.COMPLETED), []) == "__end__"


def test_a_hypothesis_added_after_the_test_is_tested() -> None:
    assert first_open_step(analysis("setup", "purpose", "census", "hypotheses", "test", "issues"), [hypothesis()]) == "test"


def test_hypotheses_that_cannot_be_tested_hold_nothing_up() -> None:
    waiting = [hypothesis(blocked="no plan fits"), hypothesis(blocked="no plan fits", plan=None)]
    assert first_open_step(analysis("setup", "purpose", "census", "hypotheses", "test"), waiting) == "issues"


def test_a_hypothesis_stated_in_words_waits_for_its_plan() -> None:
    assert first_open_step(analysis("setup", "purpose", "census", "hypotheses", "test"), [hypothesis(plan=None)]) == "test"


def test_nothing_is_tested_before_all_hypotheses_are_written() -> None:
    assert first_open_step(analysis("setup", "purpose", "census"), [hypothesis()]) == "hypotheses"
