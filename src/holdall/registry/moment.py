"""Moments as text of one width, so that their order as text is their order in time."""

from __future__ import annotations

from datetime import UTC, datetime

from holdall.errors import UsageError


def now() -> str:
    """The present moment: ISO 8601, UTC, microseconds, for instance 2026-03-01T12:00:00.000000Z."""
    return _write(datetime.now(UTC))


def parse(text: str) -> str:
    """The moment that an ISO 8601 date or date and time means, as `now` writes it. Without an offset it is UTC.

    Raises UsageError.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a time", hint="write it as 2026-03-01 or 2026-03-01T12:00:00Z; without a zone it is UTC"
        ) from None
    return _write(utc)


def _write(moment: datetime) -> str:
    # Not strftime: the platform's %Y drops the leading zeros of years before 1000.
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
