"""Reads the arguments of a model's tool calls, as tolerantly as is safe. bash.py uses it."""

import json
import math

MAX_ARGUMENTS = 3 * 2**20
"""Characters of one call's JSON text."""


class BadArguments(Exception):
    """A tool call that cannot be carried out; the message is for the model."""


def parse_arguments(text: str, *, repair: bool = True) -> dict[str, object]:
    """The arguments object of a tool call.

    JSON first; then, if `repair`, json_repair (single quotes, raw newlines, a missing brace). A text that may have been cut must
    not be repaired: half a file would be taken for the whole. Raises BadArguments.
    """
    if len(text) > MAX_ARGUMENTS:
        raise BadArguments(f"the arguments have {len(text)} characters; at most {MAX_ARGUMENTS} are taken")
    try:
        found = json.loads(text or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        if not repair:
            raise BadArguments(f"the arguments are no valid JSON ({error})") from error
        found = _repaired(text, error)
    if not isinstance(found, dict):
        raise BadArguments(f"the arguments must be a JSON object, not {type(found).__name__}")
    return found


def _repaired(text: str, error: Exception) -> object:
    import json_repair

    try:
        found = json_repair.loads(text)
    except (ValueError, RecursionError, IndexError) as again:
        raise BadArguments(f"the arguments are no valid JSON ({error})") from again
    if not found:
        raise BadArguments(f"the arguments are no valid JSON ({error})")
    return found


def text_argument(arguments: dict[str, object], name: str, limit: int, *, empty: bool = False) -> str:
    """A required text of at most `limit` bytes. Raises BadArguments."""
    value = arguments.get(name)
    if not isinstance(value, str) or not (value.strip() or empty):
        given = "it is missing" if value is None else f"got {type(value).__name__}" if not isinstance(value, str) else "it is empty"
        raise BadArguments(f"the argument {name!r} must be a text: {given}; given were {sorted(arguments)[:10]}")
    # Half a surrogate pair, which JSON can spell and no file can hold.
    value = value.encode("utf-8", "replace").decode()
    size = len(value.encode())
    if size > limit:
        raise BadArguments(f"the argument {name!r} has {size} bytes; at most {limit} are taken, so do it in parts")
    return value


def number_argument(arguments: dict[str, object], name: str, default: float) -> float:
    """An optional positive number, also if written as a text. Raises BadArguments."""
    value = arguments.get(name)
    if value is None:
        return default
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise BadArguments(f"the argument {name!r} must be a positive number, got {str(value)[:40]!r}")
    return number
