"""What the chat shows of numbers."""

from analyze_experiment.agent.chat.views import numbers
from analyze_experiment.tools.insights.models import Arm, Interval, TestResult


def test_a_small_share_and_the_level_that_selection_leaves_are_shown_as_they_are() -> None:
    result = TestResult(
        decision="contrast",
        estimand="process",
        family="P",
        population=100_000,
        clusters=90_000,
        value=4.0,
        interval=Interval(low=2.5, high=6.1, level=0.9875),
        threshold=1.5,
        arms=(Arm(title="version 2", traces=50_000, clusters=40_000, affected=4, value=0.00008),),
    )
    shown = "\n".join(numbers(result))
    assert "version 2: 4 of 50,000 traces affected, <0.01%" in shown
    assert "estimate 4, 98.75% interval 2.5 to 6.1" in shown
