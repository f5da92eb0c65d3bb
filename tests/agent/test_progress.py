"""What is said of the time left: the pace so far, the most of a reading, and nothing where nobody knows."""

from analyze_experiment.agent.progress import Progress
from analyze_experiment.graph.ports import Event


class Clock:
    """Time that goes on when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_step_says_how_far_it_is_and_how_long_the_rest_takes_at_the_pace_so_far() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.follow(Event("step", "Testing the hypotheses", step="test"))
    assert progress.line() == "Testing the hypotheses"
    progress.follow(Event("progress", "hypotheses tested", step="test", done=0, total=12))
    clock.now += 20
    assert progress.line() == "hypotheses tested: 0 of 12"
    progress.follow(Event("progress", "hypotheses tested", step="test", done=4, total=12))
    assert progress.line() == "hypotheses tested: 4 of 12, about 40 s left"
    progress.follow(Event("progress", "hypotheses tested", step="test", done=12, total=12))
    assert progress.line() == "Testing the hypotheses"


def test_reading_says_the_most_that_it_may_take_and_a_query_how_long_it_runs() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.follow(Event("hypothesis", "Testing: a promise", step="test", subject="H-a"))
    progress.follow(Event("hypothesis", "Testing: a loop", step="test", subject="H-b"))
    progress.follow(Event("progress", "traces read", step="test", subject="H-a", done=1, total=60, detail="0 flagged"))
    clock.now += 10
    progress.follow(Event("query", "Population: 5", step="test", subject="H-b"))
    progress.follow(Event("progress", "traces read", step="test", subject="H-a", done=3, total=60, detail="1 flagged"))
    clock.now += 5
    assert [(subject, far) for subject, far, _ in progress.tests()] == [
        ("H-a", "3 of 60 read, 1 flagged, at most 7:08 min left"),
        ("H-b", "5 s"),
    ]
    progress.follow(Event("result", "done", step="test", subject="H-a"))
    assert [subject for subject, _, _ in progress.tests()] == ["H-b"]
