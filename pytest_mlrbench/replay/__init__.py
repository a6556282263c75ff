"""Re-execution: makes a plan of the recorded commands, runs it in fresh sandboxes, and on changed seeds and data."""

from .execute import Limit, Replayer

__all__ = ["Limit", "Replayer"]
