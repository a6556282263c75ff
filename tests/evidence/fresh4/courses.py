"""Made-up training courses for the programs that play a log back."""

import math
import random


def course(seed: int, methods: dict[str, tuple[float, float, float]], steps: int) -> list[list[float | str]]:
    """Rows of method, step, a falling loss and a rising accuracy, with noise."""
    rng = random.Random(seed)
    rows: list[list[float | str]] = []
    for name, (loss, floor, top) in methods.items():
        for step in range(1, steps + 1):
            done = 1 - math.exp(-3.2 * step / steps)
            value = floor + (loss - floor) * (1 - done) + rng.gauss(0, 0.012)
            rows.append([name, step, round(value, 4), round(top * done + rng.gauss(0, 0.003), 4)])
    return rows
