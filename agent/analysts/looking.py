"""Looks that the model asks for: code carries them out, links what is shown, shows and keeps that it was looked at.

A look is one SELECT, two groups of traces side by side, an overview, or spans of one trace in full. An error is shown too, so
that the model can mend its query. Where something may still be suggested by what is seen, only the discovery half is looked at.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...graph.ports import Event
from ...tools.census.literals import quote
from ...tools.errors import QueryError
from ...tools.reading.digest import digest, spans_in_full
from ...tools.reading.facts import Half
from ...tools.reading.overviews import show_overviews
from ...tools.reading.side_by_side import Group, side_by_side
from ...tools.sql.guard import check_query
from ..insights.queries import named_traces, shows_unnamed_texts
from .fitting import Flexible, shortened
from .forms import Look
from .inquiry import Inquiry

ROWS = 30
CELL_CHARS = 200
LOOK_CHARS = 4_000
"""Of what one look shows ..."""
OVERVIEW_CHARS = 7_000
"""... and of an overview as a whole, which covers hundreds of traces."""
LOG_CHARS = 14_000
"""Of the looks that are still shown whole; of earlier ones what was learnt remains."""
SPAN_TOKENS = 1_600
GROUP_TRACES = 2_000
"""Traces of a group at most, so that queries stay short."""
RELATIONS = ("traces", "spans", "assessments")
UNNAMED = "these rows show what traces say and name none of them: select trace_id too, or min(trace_id) of a group."
WRAPPED = """{shadows}
SELECT q.* FROM (
{sql}
) AS q LIMIT {rows}
"""


class Shown(NamedTuple):
    """A look, and what it showed."""

    look: Look
    text: str


@dataclass
class Lookout:
    """Carries out looks one after the other, and remembers what they showed."""

    inquiry: Inquiry
    half: Half
    """`all` only where nothing that is seen can suggest what is tested on the same traces."""
    groups: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    """Further relations of `trace_id`s that a SELECT may join: a SELECT by name."""
    shown: list[Shown] = field(default_factory=lambda: list[Shown]())
    learnt: list[str] = field(default_factory=lambda: list[str]())

    async def carry_out(self, looks: Sequence[Look], *, learnt: str = "") -> None:
        """Carries out these looks; `learnt` is what the ones before have shown."""
        if learnt.strip():
            self.learnt.append(" ".join(learnt.split()))
        for look in looks:
            self.shown.append(Shown(look, await self._carry_out(look)))

    @property
    def log(self) -> Flexible:
        """The latest looks whole, as many as fit; of all what was learnt."""
        return Flexible(LOG_CHARS, self._log)

    def _log(self, chars: int) -> str:
        kept: list[str] = []
        for _, text in reversed(self.shown):
            room = chars - sum(map(len, kept))
            if len(text) > room and kept:
                break
            kept.insert(0, shortened(text, room))
        noted = "\n".join(f"- {each}" for each in self.learnt)
        return f"learnt so far:\n{noted or '(nothing yet)'}\n\n" + ("\n\n".join(kept) or "(no look yet)")

    async def overviews(self, names: Sequence[str], *, chars: int) -> str:
        """Overviews; the traces that they show are linked, and count as shown."""
        try:
            shown = await asyncio.to_thread(show_overviews, self.inquiry.bench, names, half=self.half, chars=chars)
        except (ValueError, QueryError) as error:
            return f"error: {error}"
        self.inquiry.seen.update(trace_id for overview in shown for trace_id in overview.trace_ids)
        return "\n\n".join(f"{overview.name}: {overview.text}" for overview in shown)

    async def beside(self, one: Group, other: Group, *, chars: int = LOOK_CHARS) -> str:
        """Two groups side by side; the traces that are named are linked."""
        glance = await asyncio.to_thread(side_by_side, self.inquiry.bench, one, other)
        text, named = glance.cut(chars)
        await self.inquiry.look_at(named)
        return text

    async def _carry_out(self, look: Look) -> str:
        asked = "\nbeside\n".join(filter(None, (look.sql.strip() or look.group.strip(), look.beside.strip())))
        asked = asked or look.overview.strip() or f"{look.trace_id} {' '.join(look.span_ids)}"
        self.inquiry.show(Event("query", f"Look: {look.why}", step=self.inquiry.step, detail=asked))
        limit = LOOK_CHARS
        try:
            if look.sql.strip():
                text = await self._rows(look)
            elif look.group.strip():
                text = await self._groups(look)
            elif look.overview.strip():
                text, limit = await self.overviews([look.overview.strip()], chars=OVERVIEW_CHARS), OVERVIEW_CHARS
            else:
                text = await self._spans(look)
        except QueryError as error:
            text = f"error: {error}"
        return f"look: {look.why}\n{asked}\n{text[:limit]}"

    async def _rows(self, look: Look) -> str:
        rows = await asyncio.to_thread(self._query, look.sql, f"Look: {look.why}", ROWS)
        if shows_unnamed_texts(rows):
            return f"error: {UNNAMED}"
        if named := named_traces(rows):
            await self.inquiry.look_at(sorted(await self._existing(sorted(named))))
        text = "\n".join(" | ".join(_cell(value) for value in row.values()) for row in rows)
        return f"{' | '.join(rows[0])}\n{text}" if rows else "(no rows)"

    async def _groups(self, look: Look) -> str:
        """The group beside the other one, or beside all other traces."""

        def members(sql: str) -> list[str]:
            rows = self._query(f"SELECT g.trace_id AS trace_id FROM (\n{sql.strip().rstrip(';')}\n) AS g", look.why, None)
            return sorted({str(row["trace_id"]) for row in rows})

        one = await asyncio.to_thread(members, look.group)
        beside = look.beside.strip() or "SELECT t.trace_id FROM traces AS t"
        other = [each for each in await asyncio.to_thread(members, beside) if each not in set(one)]
        names = ("the group", "the other group" if look.beside.strip() else "all others")
        return await self.beside(Group(names[0], one), Group(names[1], other))

    async def _spans(self, look: Look) -> str:
        """Spans in full, or the trace; only where it may be seen."""
        inquiry = self.inquiry
        if not await self._may_see(look.trace_id):
            return f"error: there is no trace {look.trace_id[:80]!r}{' in this half' if self.half == 'discovery' else ''}"
        trace = await inquiry.read(look.trace_id)
        if trace is None:
            return "error: its spans can't be read"
        if look.span_ids:
            return spans_in_full(trace, look.span_ids, tokens=SPAN_TOKENS, known=inquiry.known)
        return digest(trace, tokens=SPAN_TOKENS, known=inquiry.known)

    def _query(self, sql: str, title: str, rows: int | None) -> list[dict[str, object]]:
        """The rows of a SELECT over the relations as they may be seen here."""
        check_query(sql, relations=self.groups.keys())
        shadows = [f"{name} AS (\n{group}\n)" for name, group in self.groups.items()]
        if self.half == "discovery":
            shadows += [
                f"{name} AS (SELECT r.* FROM {name} AS r JOIN clusters AS h ON h.trace_id = r.trace_id AND h.half = 'discovery')"
                for name in RELATIONS
            ]
        relations = ",\n".join(shadows)
        asked = WRAPPED.format(
            shadows=f"WITH {relations}" if shadows else "", sql=sql.strip().rstrip(";"), rows=rows or GROUP_TRACES
        )
        return self.inquiry.bench.query(asked, title=title).to_pylist()

    async def _may_see(self, trace_id: str) -> bool:
        if not await self._existing([trace_id]):
            return False
        if self.half == "all":
            return True
        sql = f"SELECT count(*) AS n FROM clusters WHERE half = 'discovery' AND trace_id = {quote(trace_id)}"
        table = await asyncio.to_thread(self.inquiry.bench.query, sql, title="Whether a trace may be seen")
        return bool(table["n"][0].as_py())

    async def _existing(self, ids: Sequence[str]) -> set[str]:
        reader = self.inquiry.bench.store.reader
        return await asyncio.to_thread(lambda: reader.existing(ids, experiment_id=self.inquiry.bench.experiment_id))


def _cell(value: object) -> str:
    text = " ".join(("NULL" if value is None else str(value)).split())
    return text if len(text) <= CELL_CHARS else f"{text[: CELL_CHARS - 1]}…"
