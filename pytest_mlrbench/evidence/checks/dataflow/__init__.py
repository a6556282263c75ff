"""The data-flow reading of the executed code: how the code makes the numbers; audit.py runs it."""

from .reading import Reading, read
from .rules import CHECK

__all__ = ["CHECK", "Reading", "read"]
