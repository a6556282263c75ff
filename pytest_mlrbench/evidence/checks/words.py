"""Names as sets of words, so that keys, labels and titles of different spelling can be compared; for the checks on tables."""

import re
from functools import lru_cache

_NEUTRAL = """
score value values result results metric metrics test the of and a in on mean pct percent aggregated aggregate summary overall final
"""
NEUTRAL = frozenset(_NEUTRAL.split())
"""Words that tell no two values of one method and metric apart."""
SYNONYMS = {"acc": "accuracy", "std": "sd", "stdev": "sd", "avg": "mean", "average": "mean", "prec": "precision", "rec": "recall"}
_SETTING_WORDS = """
learning lr subsample depth max min estimators alpha beta gamma lambda penalty momentum decay dropout width hidden layers units
epochs steps iterations batch size seed temperature threshold tol neighbors leaf split features samples kernel degree warmup c k
"""
SETTINGS = frozenset(_SETTING_WORDS.split())
"""Words of names of hyperparameters."""
SPREADS = frozenset(("sd", "population sd", "standard error", "half 95% interval"))
SPREAD_NAMES = frozenset(("std", "sd", "stdev", "stderr", "se", "sem", "ci", "ci95", "error", "spread"))
"""Statistics that are spreads, and words of keys that hold one."""


@lru_cache(maxsize=65536)
def words(name: str) -> frozenset[str]:
    """A name's words, for comparison: `testAccuracy (%)`, `test_accuracy` and `Test accuracy` are one.

    >>> sorted(words("Macro-F1 (%)"))
    ['f1', 'macro']
    >>> words("noise_sd_0_4") == words("noise SD 0.4")
    True
    """
    split = re.sub(r"(?<=\d)_(?=\d)", ".", re.sub(r"([a-z])([A-Z])", r"\1 \2", name))
    found = re.findall(r"[a-z]+\d*|\d+(?:\.\d+)?", split.lower())
    return frozenset(f"{float(word):g}" if word[0].isdigit() else SYNONYMS.get(word, word) for word in found)


def is_setting(name: str) -> bool:
    """Whether a name is a hyperparameter's, which a search draws or takes from a grid: a typed number under it is no result.

    >>> [is_setting(name) for name in ("learning_rate", "max_depth", "hit rate", "rate")]
    [True, True, False, False]
    """
    told = words(name) - {"rate"}
    return bool(told) and told <= SETTINGS


@lru_cache(maxsize=65536)
def joined(name: str) -> frozenset[str]:
    """A name's letters and digits as one word, where it is written in one: `FlowCluster`, `k-means` and their keys in lower case.

    >>> joined("K-Means") == joined("kmeans")
    True
    """
    return frozenset((re.sub(r"[^a-z0-9]", "", name.lower()),))


def bare(text: str) -> str:
    """A name without case, spaces and signs: what a key of the code and a row of the report have in common."""
    return re.sub(r"[^a-z0-9+]", "", text.lower())
