"""The facts of operation that hold in a store, by the same measures and thresholds as the census, counted apart from it.

A planted fault often makes a second thing true: a tool whose errors are swallowed also fails in so many of its calls. An issue
that says so isn't false, though it is no planted fault.
"""

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterator

import numpy as np

from .spans import MS, Span, Trace
from .truth import TrueFact

SHARE, TRACES = 0.05, 5
"""From this share on, and from so many traces, it is a fact: the thresholds of the census."""
SLOW_MS, SLOW_RATIO = 30_000, 10
"""A slow trace takes longer than both: this, and so many times the median."""
TAIL_RATIO, TAIL_TRACES = 1.5, 200
"""How much slower the 95th percentile of the latest version is, and of how many traces at least."""
GIVES_UP, REPEATS = 0.25, 0.1
"""Shares of the traces with a tool failure of the kind that count as giving up, and as repeating a call in vain."""
CLAIMS = 3
"""Answers that claim what wasn't done, from which on they are a pattern."""
PASSING = ("Timeout", "Connection", "Unavailable", "429", "503")
"""Words of failures that a retry may cure."""


class FactBook:
    """Enters one trace after the other, then says what holds."""

    def __init__(self) -> None:
        self._traces: dict[str, set[str]] = defaultdict(set)
        self._base: dict[str, int] = defaultdict(int)
        self._hits: dict[str, int] = defaultdict(int)
        self._durations: dict[str, int] = {}
        self._latest: set[str] = set()

    def enter(self, trace: Trace) -> None:
        """Notes what fails in a trace."""
        if trace.story.turn.unfinished:
            return
        ended_ok = trace.root.failure is None
        self._count("trace_errors", trace, hit=not ended_ok)
        if trace.story.tags.get("version") == trace.profile.versions[-1]:
            self._latest.add(trace.trace_id)
        if ended_ok:
            self._durations[trace.trace_id] = (trace.root.end_ns - trace.root.start_ns) // MS
            self._count("hidden_failures", trace, hit=any(span.failure for span in trace.spans[1:]))
        for span in trace.spans[1:]:
            if span.kind in {"TOOL", "RETRIEVER", "RERANKER", "PARSER", "CHAT_MODEL"}:
                name = f"model {span.model}" if span.kind == "CHAT_MODEL" else span.name
                self._count(f"fails: {name}", trace, hit=fails(span))
        self._enter_retries(trace)

    def enter_claim(self, trace: Trace) -> None:
        """Notes an answer that claims what wasn't done."""
        self._traces["claims_done"].add(trace.trace_id)

    def _enter_retries(self, trace: Trace) -> None:
        tools = [span for span in trace.spans if span.kind == "TOOL"]
        passing = {span.name for span in tools if fails(span) and _is_passing(span)}
        last = {span.name: span for span in tools}
        if passing:
            self._count("gives_up", trace, hit=any(fails(last[name]) for name in passing))
        lasting = [(span.name, span.inputs) for span in tools if fails(span) and not _is_passing(span)]
        if lasting:
            self._count("repeats_in_vain", trace, hit=len(set(lasting)) < len(lasting))

    def _count(self, key: str, trace: Trace, *, hit: bool) -> None:
        self._base[key] += 1
        if hit:
            self._hits[key] += 1
            self._traces[key].add(trace.trace_id)

    def true_facts(self) -> Iterator[TrueFact]:
        """What holds, each with its traces."""
        for key, traces in self._traces.items():
            if key == "claims_done":
                if len(traces) >= CLAIMS:
                    yield _fact(key, traces)
                continue
            least = {"gives_up": GIVES_UP, "repeats_in_vain": REPEATS}.get(key, SHARE)
            if len(traces) >= TRACES and self._hits[key] >= least * self._base[key]:
                yield _fact(key, traces)
        if slow := self._slow():
            yield _fact("slow_outliers", slow)
        if tail := self._slow_tail():
            yield _fact("slow_tail", tail)

    def _slow_tail(self) -> list[str]:
        """The slowest 5% among the traces of the latest version, where its slowest are so much slower than those before."""
        sides = [[value for key, value in self._durations.items() if (key in self._latest) is side] for side in (True, False)]
        if min(map(len, sides)) < TAIL_TRACES:
            return []
        there, before, pooled = (np.quantile(side, 0.95) for side in (*sides, list(self._durations.values())))
        if there < TAIL_RATIO * before:
            return []
        return [key for key, value in self._durations.items() if key in self._latest and value > pooled]

    def _slow(self) -> list[str]:
        if not self._durations:
            return []
        limit = max(SLOW_MS, SLOW_RATIO * statistics.median(self._durations.values()))
        return [trace_id for trace_id, duration in self._durations.items() if duration > limit]


def _fact(key: str, traces: Collection[str]) -> TrueFact:
    return TrueFact(fact_id=key, title=f"{key}, {len(traces)} traces", trace_ids=tuple(sorted(traces)))


def fails(span: Span) -> bool:
    """Whether a call failed, openly or with an error as its output."""
    outputs = span.outputs or ""
    silent = outputs.startswith(('{"error": "', '"Error:')) or ('"error": "' in outputs and '"error": ""' not in outputs)
    return span.failure is not None or (span.kind in {"TOOL", "RETRIEVER"} and silent)


def _is_passing(span: Span) -> bool:
    text = f"{span.failure.kind}: {span.failure.message}" if span.failure else span.outputs or ""
    return any(word in text for word in PASSING)
