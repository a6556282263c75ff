"""Which GPUs running containers of this host have, ours or not, as Docker tells it; asked before a device is leased."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InfrastructureError
from .docker_engine import connect, engine_errors
from .gpus import Device, list_devices

DEVICES_LABEL = "mlrbench.devices"
"""On our containers, the leased ids: also runs whose locks this one cannot see (in a container, say) tell what they have."""

_NODE = re.compile(r"/dev/nvidia(\d+)")
_CDI = "nvidia.com/gpu="


class GpuContainers:
    """Looks at the engine; what a container was given never changes, so each is inspected once."""

    def __init__(self, *, required: bool) -> None:
        """`required`: without an engine nothing can run anyway, so that is an error and not an empty answer."""
        self._required = required
        self._known: dict[str, tuple[str, tuple[str, ...]]] = {}

    def __call__(self) -> dict[str, str]:
        """Device (UUID, or the token of a label) -> name of the running container that has it.

        Raises InfrastructureError when `required` and Docker does not answer.
        """
        try:
            api = connect()
        except InfrastructureError:
            if self._required:
                raise
            return {}  # no engine that we may ask: locks and the memory floor are what is left
        try:
            with engine_errors("looking for containers with GPUs"):
                running = {found["Id"]: found for found in api.containers()}
                self._known = {one: held for one, held in self._known.items() if one in running}
                new = [one for one in running if one not in self._known]
                devices = list_devices() if new else []
                for one in new:
                    inspected = _inspect(api, one)
                    if inspected is not None:
                        self._known[one] = (inspected["Name"].removeprefix("/"), devices_of(inspected, devices))
        finally:
            api.close()
        return {device: name for name, held in self._known.values() for device in held}


def _inspect(api: Any, container: str) -> Mapping[str, Any] | None:
    """What Docker says of a container; None when it has ended meanwhile."""
    import docker.errors

    try:
        found: Mapping[str, Any] = api.inspect_container(container)
    except docker.errors.NotFound:
        return None
    return found


def devices_of(inspected: Mapping[str, Any], devices: Sequence[Device]) -> tuple[str, ...]:
    """The UUIDs of `devices`, all of this host's, that `docker inspect` says a container was given; our label's as they are.

    By our label, by device requests (ids, CDI names, a count: Docker gives the first so many), by the variable that the nvidia
    runtime reads, by device nodes.
    """
    config, host = inspected.get("Config") or {}, inspected.get("HostConfig") or {}
    tokens: list[str] = []
    for request in host.get("DeviceRequests") or ():
        gpu = any("gpu" in group for group in request.get("Capabilities") or ()) or request.get("Driver") in ("nvidia", "cdi")
        if not gpu:
            continue
        ids, count = request.get("DeviceIDs") or [], int(request.get("Count") or 0)
        tokens += [one.removeprefix(_CDI) for one in ids] if ids else ["all"] if count < 0 else map(str, range(count))
    if host.get("Runtime") == "nvidia":  # images of CUDA set the variable, which other runtimes do not read
        tokens += _variable(config.get("Env") or ())
    for node in host.get("Devices") or ():
        tokens += _NODE.findall(str(node.get("PathOnHost")))
    label = (config.get("Labels") or {}).get(DEVICES_LABEL, "")
    found = [one for one in label.split(",") if one]
    for token in tokens:
        found += [device.uuid for device in devices if token == "all" or _is(token, device)]  # noqa: S105
    return tuple(dict.fromkeys(found))


def _variable(env: Sequence[str]) -> list[str]:
    values = [entry.partition("=")[2] for entry in env if entry.startswith("NVIDIA_VISIBLE_DEVICES=")]
    tokens = [token.strip() for value in values[-1:] for token in value.split(",")]
    return [token for token in tokens if token and token not in ("void", "none")]


def _is(token: str, device: Device) -> bool:
    """Whether a token names `device`, or the whole GPU of which it is a part."""
    return token in (device.uuid, device.index, device.index.partition(":")[0])
