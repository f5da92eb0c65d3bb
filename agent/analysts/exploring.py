"""Exploration: the model asks for looks; code carries them out over the discovery half, links what is shown, keeps the log."""

import asyncio
import re
from collections.abc import Sequence

from ...graph.ports import Event
from ...tools.errors import QueryError
from ...tools.insights.models import Census
from ...tools.reading.digest import digest, spans_in_full
from ...tools.reading.overviews import overview_names, show_overviews
from ...tools.sql.guard import check_query
from ...tools.sql.help import relations_brief
from ..model import GivenUp
from .forms import Candidate, Exploration, Look
from .inquiry import Inquiry

ROWS = 30
CELL_CHARS = 160
LOOK_CHARS = 3_500
"""Of what one look shows."""
LOG_CHARS = 9_000
"""Of the looks that are still shown whole; of earlier ones what was learnt remains."""
SPAN_TOKENS = 1_200
TRACE_ID = re.compile(r"\btr-[0-9a-f]{32}\b")

HALF = """
WITH {shadows}
SELECT q.* FROM (
{sql}
) AS q LIMIT {rows}
"""
RELATIONS = ("traces", "spans", "assessments")
GLANCE_CHARS = 1_100
"""Of each overview that is shown from the start."""


async def explore(inquiry: Inquiry, census: Census, known: Sequence[Candidate], *, rounds: int) -> tuple[Candidate, ...]:
    """Looks around for at most so many rounds; gives the behaviours that were found."""
    found: list[Candidate] = []
    learnt: list[str] = []
    log: list[str] = []
    glances = await _overviews(inquiry, list(overview_names()), chars=GLANCE_CHARS)
    for left in range(rounds, 0, -1):
        answer = await inquiry.ask(
            "explore",
            Exploration,
            purpose="exploration",
            relations=relations_brief(),
            rounds=f"You may answer {left} more time{'s' if left > 1 else ''}.",
            counted=_counted(census),
            overviews=glances,
            candidates=_listed([*known, *found]) or "(none yet)",
            log=_log(learnt, log),
        )
        if isinstance(answer, GivenUp):
            inquiry.note(f"The exploration ended early: {answer.why}")
            break
        learnt.append(answer.learnt)
        found += answer.found
        if not answer.looks:
            break
        log += [await _carry_out(inquiry, look) for look in answer.looks]
    inquiry.note(f"Explored: {len(log):,} looks, {len(found):,} further behaviours")
    return tuple(found)


def over_discovery_half(sql: str) -> str:
    """The query over the half of the traces that may suggest something."""
    shadows = ",\n".join(
        f"{name} AS (SELECT r.* FROM {name} AS r JOIN clusters AS h ON h.trace_id = r.trace_id AND h.half = 'discovery')"
        for name in RELATIONS
    )
    return HALF.format(shadows=shadows, sql=sql.strip().rstrip(";"), rows=ROWS)


async def _carry_out(inquiry: Inquiry, look: Look) -> str:
    """What a look shows, as text; an error is shown too, so that the model can mend its query."""
    asked = look.sql.strip() or look.overview or f"{look.trace_id} {' '.join(look.span_ids)}"
    inquiry.show(Event("query", f"Look: {look.why}", step=inquiry.step, detail=asked))
    if look.sql.strip():
        shown = await _rows(inquiry, look)
    elif look.overview.strip():
        shown = await _overviews(inquiry, [look.overview.strip()], chars=LOOK_CHARS)
    else:
        shown = await _spans(inquiry, look)
    return f"look: {look.why}\n{asked}\n{shown[:LOOK_CHARS]}"


async def _overviews(inquiry: Inquiry, names: Sequence[str], *, chars: int) -> str:
    """Overviews of the half that may suggest something; the traces that they show are linked, and count as shown."""
    try:
        shown = await asyncio.to_thread(show_overviews, inquiry.bench, names, chars=chars)
    except (ValueError, QueryError) as error:
        return f"error: {error}"
    inquiry.seen.update(trace_id for overview in shown for trace_id in overview.trace_ids)
    return "\n\n".join(f"{overview.name}: {overview.text}" for overview in shown)


async def _rows(inquiry: Inquiry, look: Look) -> str:
    def query() -> list[dict[str, object]]:
        check_query(look.sql)
        return inquiry.bench.query(over_discovery_half(look.sql), title=f"Look: {look.why}").to_pylist()

    try:
        rows = await asyncio.to_thread(query)
    except QueryError as error:
        return f"error: {error}"
    text = "\n".join(" | ".join(_cell(value) for value in row.values()) for row in rows)
    ids = sorted(set(TRACE_ID.findall(text)))
    if ids:
        await inquiry.look_at([each for each in ids if each in await _existing(inquiry, ids)])
    return f"{' | '.join(rows[0])}\n{text}" if rows else "(no rows)"


async def _spans(inquiry: Inquiry, look: Look) -> str:
    """Spans in full, or the trace; only of the half that may suggest something."""
    if not await _may_see(inquiry, look.trace_id):
        return f"error: there is no trace {look.trace_id[:80]!r} in this half"
    trace = await inquiry.read(look.trace_id)
    if trace is None:
        return "error: its spans can't be read"
    if look.span_ids:
        return spans_in_full(trace, look.span_ids, tokens=SPAN_TOKENS)
    return digest(trace, tokens=SPAN_TOKENS, known=inquiry.known)


async def _may_see(inquiry: Inquiry, trace_id: str) -> bool:
    if not TRACE_ID.fullmatch(trace_id) or not await _existing(inquiry, [trace_id]):
        return False
    sql = f"SELECT count(*) AS n FROM clusters WHERE half = 'discovery' AND trace_id = '{trace_id}'"
    table = await asyncio.to_thread(inquiry.bench.query, sql, title="Whether a trace may be seen")
    return bool(table["n"][0].as_py())


async def _existing(inquiry: Inquiry, ids: Sequence[str]) -> set[str]:
    reader = inquiry.bench.store.reader
    return await asyncio.to_thread(lambda: reader.existing(ids, experiment_id=inquiry.bench.experiment_id))


def _cell(value: object) -> str:
    text = " ".join(("NULL" if value is None else str(value)).split())
    return text if len(text) <= CELL_CHARS else f"{text[: CELL_CHARS - 1]}…"


def _log(learnt: Sequence[str], looks: Sequence[str]) -> str:
    """The latest looks whole, as many as fit; of all what was learnt."""
    kept: list[str] = []
    for look in reversed(looks):
        if sum(map(len, kept)) + len(look) > LOG_CHARS:
            break
        kept.insert(0, look)
    noted = "\n".join(f"- {each}" for each in learnt)
    return f"learnt so far:\n{noted or '(nothing yet)'}\n\n" + "\n\n".join(kept)


def _counted(census: Census) -> str:
    """The figures of the census over all traces, and of tools; nothing of segments."""
    lines = [
        f"{bucket.name}{f' {bucket.segment}' if bucket.segment else ''}: "
        + (f"{bucket.numerator} of {bucket.denominator}" if bucket.numerator is not None else f"{bucket.value:.6g}")
        for bucket in census.buckets
        if bucket.dimension == "all" and bucket.value
    ]
    return "\n".join(lines)


def _listed(candidates: Sequence[Candidate]) -> str:
    return "\n".join(f"- {each.title}: {each.statement}" for each in candidates)
