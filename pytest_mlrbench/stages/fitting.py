"""Making texts fit a model's window in a fixed order, saying what was cut; judges' packing and the agent's prompts use it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

FLOOR = 2_000
"""Characters that are left of a piece before pieces of the next turn are touched."""
LEAST = 200
"""Fewer characters than this tell nothing: the piece is left out whole."""
MARKER_TOKENS = 24
"""What the line that names a cut costs."""


@dataclass(frozen=True)
class Piece:
    """One text on its way into a prompt."""

    name: str
    text: str
    turn: int
    """When it is cut: pieces of a lower turn before those of a higher one."""


@dataclass(frozen=True)
class Fitted:
    """The pieces' texts as they go into the prompt."""

    texts: tuple[str, ...]
    """In the order of the pieces; empty where nothing of a piece is left."""
    not_shown: tuple[str, ...] = ()
    """One sentence for each piece that was cut."""


def fit(pieces: Sequence[Piece], budget: int, tokens: Callable[[str], int]) -> Fitted:
    """Cut `pieces` until they hold at most `budget` tokens by the estimate `tokens`.

    Turn by turn, the longest pieces first: all of a turn are cut to one common length, as long as it may be, but not below FLOOR
    characters. If that is not enough, the turns go round once more without a floor. Only then the last turn loses anything. What is
    cut is the middle.
    """
    costs = [tokens(piece.text) for piece in pieces]
    if not pieces or sum(costs) <= budget:
        return Fitted(tuple(piece.text for piece in pieces))
    rates = [cost / max(len(piece.text), 1) for cost, piece in zip(costs, pieces, strict=True)]
    target = float(budget)
    for _ in range(8):
        kept = _lengths(pieces, rates, target)
        cuts = [_kept(piece.text, keep) for piece, keep in zip(pieces, kept, strict=True)]
        total = sum(tokens(text) for text, _ in cuts)
        if total <= budget:
            break
        # The rate of a whole piece is only nearly that of its ends (a base64 tail costs more than prose).
        target -= 1.2 * (total - budget) + 10
    else:
        cuts = [("", len(piece.text)) for piece in pieces]
    return Fitted(
        tuple(text for text, _ in cuts),
        tuple(_sentence(piece, removed) for piece, (_, removed) in zip(pieces, cuts, strict=True) if removed),
    )


def middle_out(text: str, keep: int) -> tuple[str, int]:
    """`text` without its middle, and how many characters were taken out: about `keep` stay, more of the head than of the tail.

    Cut at line ends where one is near; a line stands for what is missing.
    """
    if len(text) <= keep:
        return text, 0
    head = text[: keep * 3 // 5]
    tail = text[len(text) - (keep - len(head)) :] if keep > len(head) else ""
    end = head.rfind("\n") + 1
    if end > len(head) * 9 // 10:
        head = head[:end]
    begin = tail.find("\n") + 1
    if 0 < begin < len(tail) // 10:
        tail = tail[begin:]
    removed = len(text) - len(head) - len(tail)
    return f"{head}\n[... {removed:,} characters not shown ...]\n{tail}", removed


def _lengths(pieces: Sequence[Piece], rates: Sequence[float], budget: float) -> list[int]:
    """Characters to keep of each piece."""
    kept = [len(piece.text) for piece in pieces]

    def total(turn: int, cap: int) -> float:
        return sum(
            rate * (length := min(keep, cap) if piece.turn == turn else keep) + (MARKER_TOKENS if length < len(piece.text) else 0)
            for piece, rate, keep in zip(pieces, rates, kept, strict=True)
        )

    *others, last = sorted({piece.turn for piece in pieces})
    for turn, floor in [*((turn, FLOOR) for turn in others), *((turn, 0) for turn in others), (last, 0)]:
        longest = max(keep for piece, keep in zip(pieces, kept, strict=True) if piece.turn == turn)
        if longest <= floor or total(turn, longest) <= budget:
            continue
        low, high = floor, longest
        while low < high:  # the largest cap that fits, `floor` if none does
            middle = (low + high + 1) // 2
            low, high = (middle, high) if total(turn, middle) <= budget else (low, middle - 1)
        kept = [min(keep, low) if piece.turn == turn else keep for piece, keep in zip(pieces, kept, strict=True)]
    return kept


def _kept(text: str, keep: int) -> tuple[str, int]:
    if keep >= len(text):
        return text, 0
    return middle_out(text, keep) if keep >= LEAST else ("", len(text))


def _sentence(piece: Piece, removed: int) -> str:
    if removed == len(piece.text):
        return f"{piece.name}: not shown ({removed:,} characters)"
    return f"{piece.name}: {removed:,} of {len(piece.text):,} characters not shown"
