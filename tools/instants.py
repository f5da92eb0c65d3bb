"""Instants: UTC, and as MLflow keeps them, in milliseconds since 1970."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


def to_ms(instant: datetime) -> int:
    """The millisecond that an instant lies in."""
    return (instant - EPOCH) // MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """When a millisecond begins."""
    return EPOCH + milliseconds * MILLISECOND
