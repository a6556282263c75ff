"""The data-flow reading of the executed code: how the code makes the numbers; audit.py runs it."""

from .rules import CHECK, Reading, read

__all__ = ["CHECK", "Reading", "read"]
