"""What is known of a model before it is called, from litellm's own map; the client, the context packing and the preflight ask."""

import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from ..settings import OFFLINE_MODELS, Settings
from .api import ModelInfo
from .quick_import import quick_import

UNKNOWN_CONTEXT = 128_000
"""Tokens assumed for a model that litellm does not know: the least window among the current models of the large providers."""

OFFLINE_INFO = ModelInfo(context=10_000_000, vision=False, schema_output=False, priced=True)
"""The offline models read Request.context, so nothing needs to be cut for them."""

PROVIDERS_OF_ANY_MODEL = frozenset(
    {"ollama", "ollama_chat", "hosted_vllm", "vllm", "lm_studio", "llamafile", "custom_openai", "litellm_proxy"}
)
"""Providers that serve what their owner has put there: no list of models can know it."""


@dataclass(frozen=True)
class Problem:
    """Why a model may not work."""

    fatal: bool
    message: str


def load_litellm() -> Any:
    """litellm, imported once, without network, telemetry or chatter. Takes seconds the first time: never in the event loop."""
    if "litellm" not in sys.modules:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        with quick_import("openai.types"):
            import litellm
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = True
    litellm.num_retries = 0
    litellm.success_callback = []
    litellm.failure_callback = []
    litellm.callbacks = []
    return litellm


@lru_cache(maxsize=1024)
def provider_of(model: str) -> str | None:
    """litellm's provider of a model id, None when there is none."""
    litellm = load_litellm()
    try:
        return str(litellm.get_llm_provider(model)[1])
    except litellm.exceptions.BadRequestError:
        return None


@lru_cache(maxsize=1024)
def map_entry(model: str) -> dict[str, Any] | None:
    """The model's entry in litellm's price and context map, None for a model it does not know."""
    litellm = load_litellm()
    if provider_of(model) is None:
        return None
    try:
        key = litellm.get_model_info(model)["key"]
    except Exception as error:  # litellm raises a bare Exception for an unmapped model in some versions
        if "mapped" not in str(error):
            raise
        return None
    # For some providers litellm makes an entry up for any name; only what stands in the map is known.
    entry: dict[str, Any] | None = litellm.model_cost.get(key)
    return entry


def has_price(model: str) -> bool:
    """Whether litellm has a price per token; an entry without one would count as free."""
    entry = map_entry(model)
    return entry is not None and "input_cost_per_token" in entry and "output_cost_per_token" in entry


def model_info(model: str, settings: Settings) -> ModelInfo:
    """What is known of `model`; the settings of this model come before litellm's map."""
    if model in OFFLINE_MODELS:
        return OFFLINE_INFO
    own = settings.for_model(model)
    entry = map_entry(model) or {}
    window = entry.get("max_input_tokens") or entry.get("max_tokens")
    vision = own.vision if own.vision is not None else bool(entry.get("supports_vision"))
    return ModelInfo(
        context=own.context or (window if isinstance(window, int) and window > 0 else UNKNOWN_CONTEXT),
        vision=vision,
        schema_output=own.schema_output if own.schema_output is not None else _takes_schema(model),
        priced=settings.price is not None or has_price(model),
    )


@lru_cache(maxsize=1024)
def _takes_schema(model: str) -> bool:
    litellm = load_litellm()
    if map_entry(model) is not None:
        return bool(litellm.supports_response_schema(model))
    return provider_of(model) in {
        "openai",
        "azure",
        "custom_openai",
        "hosted_vllm",
        "openrouter",
        *litellm.openai_compatible_providers,
    }


def check_model(model: str, settings: Settings) -> list[Problem]:
    """What stands against a run with `model`, for the preflight: no call is made."""
    if model in OFFLINE_MODELS:
        return []
    provider = provider_of(model)
    if provider is None:
        return [
            Problem(
                True,
                f"unknown model provider in {model!r}: expected a litellm id, PROVIDER/MODEL, such as openai/o4-mini, "
                f"anthropic/claude-sonnet-4-5, gemini/gemini-2.5-pro, openrouter/VENDOR/MODEL, or the name of a well-known model; "
                f"built in: {', '.join(OFFLINE_MODELS)}",
            )
        ]
    problems = []
    if map_entry(model) is None and provider not in PROVIDERS_OF_ANY_MODEL and not _own_endpoint(provider):
        problems.append(Problem(False, f"{model!r} is not among the models that litellm knows of {provider}{_similar(model)}"))
    missing = _missing_keys(model, provider)
    if missing:
        problems.append(Problem(True, f"no key for {model!r}: set {' or '.join(missing)} in the environment"))
    if settings.budget is not None and settings.price is None and not has_price(model):
        problems.append(
            Problem(
                True,
                f"the price of {model!r} is not known, so the budget of {settings.budget:g} USD cannot be kept: "
                f"give --mlr-price=IN,OUT (USD per million tokens) or --mlr-budget=none",
            )
        )
    return problems


def _own_endpoint(provider: str) -> bool:
    return any(os.environ.get(f"{provider.upper()}_{name}") for name in ("API_BASE", "BASE_URL"))


def _similar(model: str) -> str:
    litellm = load_litellm()
    close = get_close_matches(model.split("/", 1)[-1], [name.split("/", 1)[-1] for name in litellm.model_cost], n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(dict.fromkeys(close))}?" if close else ""


def _missing_keys(model: str, provider: str) -> list[str]:
    """Environment variables of which one is needed and none is set."""
    keys = [str(name) for name in load_litellm().validate_environment(model)["missing_keys"]]
    if provider == "gemini":
        # litellm names both, though one is enough.
        return [] if os.environ.get("GEMINI_API_KEY") or os.environ.get("GOOGLE_API_KEY") else keys
    return keys


_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BEYOND_ASCII = bytes(range(128, 256))


def tokens(text: str) -> int:
    """An upper estimate of the tokens of `text`, from its bytes alone.

    No tokenizer: each provider has its own, and loading one costs up to a second and a download. Length alone will not do:
    English prose has five bytes a token, but a line such as `x = [1, 2, 3]` has 14 bytes and 11 tokens, and results are made of
    such lines. So: 0.3 a letter (words of the larger vocabularies; 1.9 a word of prose where 1.3 is usual), 0.5 a space (mostly
    part of the next word), 0.5 a byte of any other script, and one for each digit, sign and line end, as the finest tokenizers
    have it.
    """
    data = text.encode("utf-8", "replace")
    letters = len(data) - len(data.translate(None, _LETTERS))
    beyond = len(data) - len(data.translate(None, _BEYOND_ASCII))
    spaces = data.count(b" ")
    return int(0.3 * letters + 0.5 * (spaces + beyond)) + (len(data) - letters - spaces - beyond) + 1
