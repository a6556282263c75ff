"""The model gateway: how a coder's own CLI reaches its model from inside a sandbox that holds no key; the runner opens it."""

from .access import GatewayAccess

__all__ = ["GatewayAccess"]
