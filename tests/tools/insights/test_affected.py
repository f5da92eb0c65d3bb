"""Lists of affected traces: as long as there are traces, and the same from memory and from their file."""

from analyze_experiment.tools.insights.affected import BATCH, AffectedTrace, AffectedTraces, to_csv

ODD = AffectedTrace("t1", "s1", 'says "no",\nthen\r nothing…\u2028', "wrong")


def test_a_list_comes_back_from_its_csv_whatever_its_notes_hold() -> None:
    plain = [ODD, AffectedTrace("t2"), AffectedTrace("t3", note="\r")]
    for listed in (plain, AffectedTraces.of(plain)):
        assert AffectedTraces.from_csv("".join(to_csv(listed)).encode()) == plain


def test_a_list_of_an_earlier_version_lacks_what_came_of_it() -> None:
    assert AffectedTraces.from_csv(b"trace_id,span_id,note\nt1,s1,slow\n") == [AffectedTrace("t1", "s1", "slow")]


def test_a_long_list_reads_as_a_list_does() -> None:
    plain = [AffectedTrace(f"t{place}") for place in range(BATCH + 1)]
    listed = AffectedTraces.of(plain)
    assert (len(listed), listed[0], listed[-1], listed[BATCH]) == (BATCH + 1, plain[0], plain[-1], plain[BATCH])
    assert listed[BATCH - 1 :] == plain[BATCH - 1 :]
    assert list(listed) == plain
    assert not AffectedTraces.of([])
