"""About what an analysis will ask a language model: bounded by what readings take, however many traces there are."""

from analyze_experiment.agent.analysts.estimating import most_judged


def test_of_few_traces_each_is_judged() -> None:
    assert most_judged(102, read_on=300) == 102


def test_of_many_traces_no_more_are_judged_than_readings_take() -> None:
    assert most_judged(20_000, read_on=0) < 1_500
    assert most_judged(20_000, read_on=300) == most_judged(20_000, read_on=0) + 300
    assert most_judged(2_000_000, read_on=300) == most_judged(20_000, read_on=300)
