"""Traces as a reader shows them, made up for a test, without a store behind them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from analyze_experiment.tools.traces.views import SpanView, TraceView

AT = datetime(2026, 3, 2, tzinfo=UTC)


def view_of(spans: Sequence[SpanView], *, request: str = "", response: str = "") -> TraceView:
    """The trace `tr-1` with these spans."""
    return TraceView("tr-1", "OK", AT, 1000, request, response, tuple(spans), _source=cast(Any, None))
