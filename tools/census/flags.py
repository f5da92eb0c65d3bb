"""Shares of traces that meet a condition: coverage, failures hidden in OK traces, outliers, and the quality proxies.

One statement counts them all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..insights.models import Bucket
from .definitions import MINIMAL_CHARS, OUTLIER_FLOOR_MS, OUTLIER_RATIO
from .figures import Row, Scope, samples
from .overview import Limits

FINISHED = "state IN ('OK', 'ERROR')"
OK = "state = 'OK'"
ANSWERED = f"{OK} AND response_chars > 0"


@dataclass(frozen=True)
class Flag:
    """A share: the traces among `population` that meet `condition`, both SQL over `traces`."""

    name: str
    population: str
    condition: str
    dimension: str = "all"
    computable: bool = True
    sampled: bool = True
    """Whether a trace that meets it is worth a look."""

    @property
    def affected(self) -> str:
        """SQL for the traces of the numerator."""
        return f"({self.population}) AND ({self.condition})"


FACTS = (
    Flag("trace_error_rate", FINISHED, "state = 'ERROR'"),
    Flag("ok_with_failed_spans", OK, "error_span_count > 0"),
    Flag("ok_with_failed_spans_answered", f"{OK} AND error_span_count > 0", "response_chars > 0"),
    Flag("ok_with_silent_errors", OK, "silent_error_count > 0"),
    Flag("ok_with_silent_errors_answered", f"{OK} AND silent_error_count > 0", "response_chars > 0"),
)
COVERAGE = (
    Flag("without_spans", "TRUE", "coalesce(span_count, 0) = 0", "coverage"),
    Flag("without_response", OK, "response_chars IS NULL", "coverage"),
    Flag("with_tokens", "TRUE", "total_tokens IS NOT NULL", "coverage", sampled=False),
    Flag("with_cost", "TRUE", "cost IS NOT NULL", "coverage", sampled=False),
    Flag("with_session", "TRUE", "session_id IS NOT NULL", "coverage", sampled=False),
    Flag("with_user", "TRUE", "user_id IS NOT NULL", "coverage", sampled=False),
    Flag("with_version", "TRUE", "version IS NOT NULL", "coverage", sampled=False),
    Flag("with_feedback", "TRUE", "size(filter(assessments, a -> a.kind = 'feedback')) > 0", "coverage", sampled=False),
)


def find_flags(limits: Limits, *, nominal: bool) -> tuple[Flag, ...]:
    """All flags, those with a limit in its place; what has no limit isn't computable."""
    return (*FACTS, _outliers(limits), *COVERAGE, *_proxies(limits, nominal=nominal))


def outlier_limit_ms(median_ms: float | None) -> float | None:
    """Above this an OK trace is a latency outlier."""
    return None if median_ms is None else max(OUTLIER_RATIO * median_ms, OUTLIER_FLOOR_MS)


def _outliers(limits: Limits) -> Flag:
    limit = outlier_limit_ms(limits.median_ms)
    return _limited("latency_outliers", f"{OK} AND execution_duration_ms IS NOT NULL", "execution_duration_ms > {}", limit)


def _proxies(limits: Limits, *, nominal: bool) -> Iterator[Flag]:
    both = f"{OK} AND request_chars IS NOT NULL AND response_chars IS NOT NULL"
    timed = f"{OK} AND request_chars IS NOT NULL AND execution_duration_ms > 0"
    short, fast = limits.short_request, None if nominal else limits.fast_ms
    yield _limited("verbosity", f"{both} AND request_chars <= {short or 0}", "response_chars > {}", limits.long_response)
    yield Flag("minimal_responses", ANSWERED, f"response_chars < {MINIMAL_CHARS}")
    yield Flag("empty_responses", f"{OK} AND response_chars IS NOT NULL", "hedges IS NULL")
    yield Flag("hedging", ANSWERED, "hedges")
    yield Flag("apology", ANSWERED, "apologises")
    complex_request = f"{timed} AND request_chars > {limits.long_request or 0}"
    yield _limited("rushed_processing", complex_request, "execution_duration_ms < {}", fast)


def _limited(name: str, population: str, condition: str, limit: float | None) -> Flag:
    filled = "FALSE" if limit is None else condition.format(limit)
    return Flag(name, population, filled, computable=limit is not None)


def flags_sql(flags: Sequence[Flag]) -> str:
    """One row: numerator, denominator and samples of each flag, by its place."""
    counts = (
        f"count_if({flag.affected}) AS n_{place}, count_if({flag.population}) AS d_{place}" for place, flag in enumerate(flags)
    )
    drawn = (f"{samples(flag.affected)} AS s_{place}" for place, flag in enumerate(flags) if flag.sampled)
    return f"SELECT {', '.join((*counts, *drawn))} FROM traces"


def read_flags(flags: Sequence[Flag], rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """One bucket a flag."""
    row = rows[0]
    for place, flag in enumerate(flags):
        scope, denominator = Scope(query_id, dimension=flag.dimension), row.count(f"d_{place}")
        if flag.computable:
            drawn = row.samples(f"s_{place}") if flag.sampled else ()
            yield scope.share(flag.name, row.count(f"n_{place}"), denominator, drawn)
        else:
            yield scope.figure(flag.name, None, of=denominator)
