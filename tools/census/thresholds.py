"""From where on a counted fact is an issue: absolute, about the kind of thing, and never taken from the data."""

from pydantic import BaseModel, ConfigDict, Field


class OperationalThresholds(BaseModel):
    """The thresholds of the operational issues. Each is a share of what its name says, reached or passed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trace_error_rate: float = Field(default=0.05, gt=0, le=1)
    """Of the traces that ended, those that ended in ERROR."""
    tool_failure_rate: float = Field(default=0.05, gt=0, le=1)
    """Of a tool's calls, those that fail: status ERROR, or an output that reads as an error."""
    model_failure_rate: float = Field(default=0.05, gt=0, le=1)
    """Of a model's or provider's calls, those with status ERROR."""
    span_failure_rate: float = Field(default=0.05, gt=0, le=1)
    """Of the traces with a span of a name, those in which a failure began there."""
    hidden_failure_rate: float = Field(default=0.05, gt=0, le=1)
    """Of the OK traces, those that hold a failed span, or a silent tool error."""
    min_traces: int = Field(default=5, ge=1)
    """Affected traces that all of the above need, and a pile-up too."""
    covered_share: float = Field(default=0.8, gt=0, le=1)
    """Hidden failures that are to this share those of one tool, model or span are that issue's, not one more."""
    burst_ratio: float = Field(default=3.0, gt=1)
    """An error burst is a time bucket with this many times the overall error rate ..."""
    burst_errors: int = Field(default=10, ge=1)
    """... and this many ERROR traces."""
    timeout_share: float = Field(default=0.3, gt=0, le=1)
    """Failures of which this share ends at the same second, three times the share of the successes, run into a timeout."""
