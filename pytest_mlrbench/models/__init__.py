"""Models: one client for every language model call, the call log behind it, and the offline models that call none."""

from .api import Request, Response, ToolCall

__all__ = ["Request", "Response", "ToolCall"]
