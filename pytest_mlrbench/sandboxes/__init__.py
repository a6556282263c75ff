"""Sandboxes: where untrusted commands run. `docker` for everything, `local` for the offline models or on explicit request."""

from ..errors import ConfigError
from .base import Door, ExecResult, ExitKind, Limits, Sandbox, SandboxSpec

__all__ = ["KINDS", "Door", "ExecResult", "ExitKind", "Limits", "Sandbox", "SandboxSpec", "open_sandbox"]

KINDS = ("docker", "local")


def open_sandbox(kind: str, spec: SandboxSpec) -> Sandbox:
    """A sandbox of `kind`, not started yet (`async with` starts it). Raises ConfigError for an unknown kind."""
    if kind == "docker":
        from .docker import DockerSandbox

        return DockerSandbox(spec)
    if kind == "local":
        from .local import LocalSandbox

        return LocalSandbox(spec)
    raise ConfigError(f"unknown sandbox {kind!r}; valid: {', '.join(KINDS)}")
