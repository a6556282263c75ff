"""What a metric's name says: whether more of it is better, and which words name it; the checks on prose and arithmetic ask here."""

import re
from functools import lru_cache

from ...patterns import lazy
from .words import words

_HIGHER = """
accuracy f1 precision recall auc auroc auprc roc r2 bleu rouge meteor reward return success pass throughput speedup map mrr ndcg
iou dice psnr ssim kappa mcc sharpe satisfaction em hits score likelihood elbo win reliability quality robustness
sensitivity specificity
"""
_LOWER = """
loss error errors rmse mse mae mape nll perplexity ppl latency time runtime memory cost flops fid regret wer cer ece brier violation
violations failure failures toxicity energy overhead hallucination hallucinations misalignment crossentropy
"""
SHARES = frozenset(["accuracy", "accuracies", "success", "successes", "solved", "correct", "hit", "em", "top1", "acc1"])
"""Words of names of shares of right answers."""
_OTHER_WORDS = """
balanced bal macro micro weighted smoothed smooth ema running expected adjusted calibrated normalized normalised relative drop gap
diff difference gain delta sd sem se ci ci95 var variance low high lower upper bound loss train training soft token pixel
bootstrap bootstrapped forgetting transfer area rank z t p slope ratio per time seconds score utility reward log logit
fit fitted predicted prediction estimate estimated confidence ece error change improvement trend curve geometric harmonic
class classes parity disparity cost efficiency
"""
OTHERS = frozenset(_OTHER_WORDS.split())
"""Words of names of other quantities, or of averages that are no share."""
_TURNED = "reduction improvement improvements gain gains saving savings speedup relief increase"
_FALL = "drop gap degradation decline disparity forgetting"
HIGHER = frozenset(_HIGHER.split())
"""Words of metrics of which more is better."""
LOWER = frozenset(_LOWER.split())
"""Words of metrics of which less is better."""
TURNED = frozenset(_TURNED.split())
"""A column of reductions or gains: more is better, whatever is reduced."""
FALLS = frozenset(_FALL.split())
"""A column of losses against something: less is better."""
_FILLERS_WORDS = """
mean overall average the a an of its their final test score scores value values result results rate metric metrics pct
percent percentage performance
"""
FILLERS = frozenset(_FILLERS_WORDS.split())
"""Words that a sentence may add to a metric's name, or leave out of it."""
MARKS = frozenset(["mean", "final", "test", "overall"])
"""Fillers that tell two columns apart when both are there."""
UNIT = lazy(r"\((?:[^()]{0,40})\)|\[[^\]]{0,40}\]|[↑↓%]|\\(?:up|down)arrow|\$")
CHANGE = lazy(
    r"\b(improv\w*|gains?|change[sd]?|reductions?|diff\w*|delta|lift|speed-?up|relative|vs\.?|drop|increase|decrease|saving\w*)\b|"
    r"Δ|\\Delta",
    re.I,
)
"""Names of columns that are worked out from others."""


def direction(name: str) -> int:
    """1 when more of the metric is better, -1 when less is, 0 when its name does not say.

    An arrow in the name decides. `Memory reduction` is a gain, `F1 drop` a loss.

    >>> [direction(n) for n in ("Test accuracy (%)", "RMSE ↓", "Memory reduction", "F1 drop", "Diversity", "KFR (↑)")]
    [1, -1, 1, -1, 0, 1]
    """
    if "↑" in name or "uparrow" in name:
        return 1
    if "↓" in name or "downarrow" in name:
        return -1
    found = words(UNIT.sub(" ", name))
    if found & TURNED:
        return 1
    if found & FALLS:
        return -1
    if found & LOWER:
        return -1
    if found & HIGHER:
        return 0 if "calibration" in found else 1
    return 0


@lru_cache(maxsize=16384)
def core(name: str) -> frozenset[str]:
    """The words that tell this metric from others, in singular, without units and fillers.

    >>> sorted(core("Avg. Test Accuracies (%)"))
    ['accuracy']
    """
    found = frozenset(_singular(word) for word in words(UNIT.sub(" ", name)))
    return found - FILLERS or found


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith("ss") and len(word) > 4 and word not in ("loss", "bias", "hits", "flops"):
        return word[:-1]
    return word
