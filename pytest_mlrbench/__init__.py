"""MLR-Bench as a pytest plugin: what is importable from user code (agents, coders, sandboxes, checks) is named here."""

__version__ = "0.1.0"
