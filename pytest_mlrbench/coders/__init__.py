"""Coders: the coding agents inside the experiment stage. `mlr-agent` loads one by name and lets it work in the sandbox."""

from .base import Coder, CoderContext, CoderOutcome, load_coder

__all__ = ["Coder", "CoderContext", "CoderOutcome", "load_coder"]
