"""What a call of known usage costs, by litellm's price map or --mlr-price; for the gateway, whose calls litellm does not make."""

from typing import Any

from ..records import Usage
from ..settings import Settings
from .catalog import has_price, load_litellm, map_entry, provider_of


def cost_of(model: str, usage: Usage | None, settings: Settings, cache_written: int = 0) -> float | None:
    """USD of one call of a litellm id; None where no price or no usage is known. `cache_written`: prompt tokens put into a cache.

    Imports litellm: never in the event loop.
    """
    if usage is None or not (usage.prompt_tokens or usage.completion_tokens):
        return None
    if has_price(model):
        litellm: Any = load_litellm()
        counted = litellm.Usage(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cache_read_input_tokens=usage.cached_tokens,
            cache_creation_input_tokens=cache_written,
        )
        return float(sum(litellm.cost_per_token(model=model, custom_llm_provider=provider_of(model), usage_object=counted)))
    if settings.price is None:
        return None
    return (usage.prompt_tokens * settings.price[0] + usage.completion_tokens * settings.price[1]) / 1e6


def dearer(model: str, than: str, settings: Settings) -> bool:
    """Whether a token of `model`, read or written, costs more than one of `than`; False where a price is not known.

    Imports litellm: never in the event loop.
    """
    one, other = _per_token(model, settings), _per_token(than, settings)
    return one is not None and other is not None and (one[0] > other[0] or one[1] > other[1])


def _per_token(model: str, settings: Settings) -> tuple[float, float] | None:
    """USD per input and output token."""
    entry = map_entry(model)
    if entry is not None and has_price(model):
        return float(entry["input_cost_per_token"]), float(entry["output_cost_per_token"])
    return (settings.price[0] / 1e6, settings.price[1] / 1e6) if settings.price is not None else None
