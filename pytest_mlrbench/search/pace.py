"""How fast a source is asked; apart from polite.py, so that naming a pace does not import an HTTP client (0.12 s)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How a source is treated."""

    interval: float
    """Least seconds between two requests, tries included (arXiv's terms of use ask for three)."""
    backoff: float = 1.0
    """Seconds before the second try, doubled each time, `longest` at most."""
    longest: float = 30.0
    """Seconds between two tries, even if the server asks for more."""
    tries: int = 4
    connect: float = 10.0
    """Seconds."""
    read: float = 30.0
    """Longest silence of the server, seconds."""
