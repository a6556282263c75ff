"""Exact intervals of counts; every figure about the checks is shown with one."""


def exact_interval(hits: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a share, both ends in 0..1; (0, 1) when nothing was counted.

    >>> [round(end, 3) for end in exact_interval(18, 19)]
    [0.74, 0.999]
    """
    from scipy.special import betaincinv

    if not 0 <= hits <= total:
        raise ValueError(f"{hits} hits of {total}")
    half = (1 - confidence) / 2
    low = float(betaincinv(hits, total - hits + 1, half)) if hits else 0.0
    high = float(betaincinv(hits + 1, total - hits, 1 - half)) if hits < total else 1.0
    return low, high


def share(hits: int, total: int) -> str:
    """`18 of 19 (94.7 %, 74.0-99.9 %)`; `0 of 0` when nothing was counted."""
    if not total:
        return "0 of 0"
    low, high = exact_interval(hits, total)
    return f"{hits} of {total} ({100 * hits / total:.1f} %, {100 * low:.1f}-{100 * high:.1f} %)"
