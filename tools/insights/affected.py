"""The full list of the traces that an issue affects, as the CSV beside it holds it."""

from typing import NamedTuple


class AffectedTrace(NamedTuple):
    """One affected trace, and the span of it where one is known; `note` says what was seen there.

    `consequence` is what a judge saw it do to the user (`none`, `misled` or `wrong`); empty where nobody judged.
    """

    trace_id: str
    span_id: str = ""
    note: str = ""
    consequence: str = ""
