"""About what an analysis will ask a language model: bounded by what readings take, however many traces there are."""

from analyze_experiment.agent.analysts.estimating import average_looks, limit_judged


def test_of_few_traces_each_is_judged() -> None:
    assert limit_judged(102, read_on=300) == 102


def test_of_many_traces_no_more_are_judged_than_readings_take() -> None:
    assert limit_judged(20_000, read_on=0) < 1_500
    assert limit_judged(20_000, read_on=300) == limit_judged(20_000, read_on=0) + 300
    assert limit_judged(2_000_000, read_on=300) == limit_judged(20_000, read_on=300)


def test_a_trace_is_looked_at_again_where_more_is_asked_of_it_than_one_look_can_answer() -> None:
    assert (average_looks(50), average_looks(199)) == (1, 1)
    assert average_looks(200) == average_looks(1_000_000) == 1.5
