"""Whose model an id names: judges may be kind to their own family's work."""

import re

_FAMILIES = {
    "anthropic": r"claude",
    "openai": r"gpt|chatgpt|o\d|codex|davinci",
    "google": r"gemini|gemma|palm|bison",
    "alibaba": r"qwen|qwq|qvq|tongyi",
    "deepseek": r"deepseek",
    "mistral": r"mistral|mixtral|ministral|codestral|magistral|devstral|pixtral",
    "meta": r"llama|muse",
    "xai": r"grok",
    "moonshot": r"kimi|moonshot",
    "zhipu": r"glm|chatglm|zai",
    "cohere": r"command|c4ai|aya",
    "microsoft": r"phi|mai",
    "amazon": r"nova|titan",
    "nvidia": r"nemotron",
    "minimax": r"minimax|abab",
}
_STARTS = {family: re.compile(rf"(?:^|[^a-z0-9])(?:{pattern})(?![a-z])") for family, pattern in _FAMILIES.items()}
_MAKERS = {
    **{family: family for family in _FAMILIES},
    "gemini": "google",
    "vertex_ai": "google",
    "dashscope": "alibaba",
    "x-ai": "xai",
    "meta-llama": "meta",
    "moonshotai": "moonshot",
}
"""First parts of an id that sell their own models; a host of many (azure, openrouter, bedrock) says nothing."""
_HOSTS_OF_OTHERS = frozenset({"vertex_ai"})


def family(model: str) -> str | None:
    """The maker of the model that `model` (a litellm id or a plain name) stands for; None where the id does not tell.

    >>> family("openrouter/anthropic/claude-sonnet-4"), family("azure/my-deployment"), family("o4-mini-2025-04-16")
    ('anthropic', None, 'openai')
    """
    *before, name = model.casefold().split("/")
    # A distilled model carries two names: that of the weights' maker stands first by custom.
    found = [(match.start(), maker) for maker, pattern in _STARTS.items() if (match := pattern.search(name)) is not None]
    if found:
        return min(found)[1]
    for part in reversed(before):
        if part in _MAKERS and part not in _HOSTS_OF_OTHERS:
            return _MAKERS[part]
    return None


def same_model(said: str, model: str) -> bool:
    """Whether a person's `said` (`claude`, `o4-mini`) can mean the id `model`: equal, or its first words.

    >>> same_model("claude", "anthropic/claude-3-7-sonnet"), same_model("gpt-4", "openai/gpt-4o")
    (True, False)
    """
    short, name = (text.rpartition("/")[2].casefold() for text in (said, model))
    return said.casefold() == model.casefold() or short == name or name.startswith(f"{short}-")
