"""What a provider's HTTP headers say of its rate limit; the litellm backend reads them for the limiter."""

import email.utils
import re
import time
from collections.abc import Mapping
from datetime import datetime

from .limiter import Quota

PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "ratelimit-")
"""OpenAI and most that copy it; Anthropic; the IETF draft (draft-ietf-httpapi-ratelimit-headers)."""
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after(headers: Mapping[str, object], now: float | None = None) -> float | None:
    """Seconds that the provider asks to wait (RFC 9110, 10.2.3: seconds or a date), None when it does not say."""
    text = str(headers.get("retry-after") or "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now))
    except ValueError:
        return None


def quota(headers: Mapping[str, object], now: float | None = None) -> Quota | None:
    """Requests left and when the count begins anew; None where the headers do not say both. `now` is Unix time in seconds."""
    known = {str(name).lower().removeprefix("llm_provider-"): str(value).strip() for name, value in headers.items()}
    for prefix in PREFIXES:
        for remaining, reset in (("remaining-requests", "reset-requests"), ("requests-remaining", "requests-reset")):
            left, until = known.get(prefix + remaining), known.get(prefix + reset)
            if left is None or until is None or not left.isdigit():
                continue
            seconds = _seconds(until, time.time() if now is None else now)
            if seconds is not None:
                return Quota(int(left), seconds)
    return None


def _seconds(text: str, now: float) -> float | None:
    """`6m0s`, `120ms`, plain seconds, or the moment itself in ISO 8601."""
    parts = DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * SECONDS[unit] for number, unit in parts)
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp() - now)
    except ValueError:
        return None
