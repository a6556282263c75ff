"""litellm without the work of its own logging: it computed prices and payloads for callbacks that nobody has set."""

import datetime
import uuid
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _quiet_class() -> Any:
    """A `Logging` whose success handlers and cost calculator do nothing; None for a litellm that has none of them to replace."""
    try:
        from litellm.litellm_core_utils.litellm_logging import Logging
    except ImportError:
        return None
    wanted = ("async_success_handler", "success_handler", "response_cost_calculator", "_response_cost_calculator")
    present = [name for name in wanted if hasattr(Logging, name)]
    if "async_success_handler" not in present:
        return None

    async def _asynchronously(self: Any, *args: Any, **kwargs: Any) -> None:
        return None

    def _nothing(self: Any, *args: Any, **kwargs: Any) -> None:
        return None

    methods = {name: _asynchronously if name.startswith("async") else _nothing for name in present}
    return type("QuietLogging", (Logging,), methods)


def logging_argument(model: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """`litellm_logging_obj` for one `acompletion`, as litellm's proxy gives one; empty where this litellm takes none."""
    kind = _quiet_class()
    if kind is None:
        return {}
    identity = str(uuid.uuid4())
    made = kind(
        model=model,
        messages=messages,
        stream=False,
        call_type="acompletion",
        start_time=datetime.datetime.now(),
        litellm_call_id=identity,
        function_id="",
        kwargs={},
    )
    return {"litellm_logging_obj": made, "litellm_call_id": identity}
