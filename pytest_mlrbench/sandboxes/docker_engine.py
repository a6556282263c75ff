"""The Docker engine: reaching it, its errors in our words, leaked containers, its streams. docker.py and image.py stand on it."""

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ..errors import InfrastructureError
from .owners import OWNER_LABELS, is_alive

RUN_LABEL = "mlrbench.run"
TRIAL_LABEL = "mlrbench.trial"


def no_docker(error: Exception) -> InfrastructureError:
    """What is said when the engine does not answer."""
    place = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    return InfrastructureError(f"Docker does not answer at {place}; start it or use --mlr-sandbox=local ({error})")


@contextlib.contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turns whatever the SDK raises while `doing` into InfrastructureError."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise InfrastructureError(f"{doing}: the image is missing ({error.explanation}); run `mlrbench image build`") from error
    except requests.exceptions.ConnectionError as error:
        raise no_docker(error) from error
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise InfrastructureError(f"{doing} failed: {error}") from error


def connect() -> Any:
    """The SDK's low-level client of an engine that answered. Raises InfrastructureError."""
    import docker
    from docker.errors import DockerException

    try:
        return docker.from_env(timeout=120).api
    except DockerException as error:
        raise no_docker(error) from error


def check_docker(image: str) -> dict[str, Any]:
    """Engine version, image id and labels, CPUs and memory (bytes) of an engine that answers and has `image`. For the preflight.

    Raises InfrastructureError naming what is missing and how to get it.
    """
    api = connect()
    try:
        with engine_errors(f"looking for the image {image!r}"):
            found = api.inspect_image(image)
            about = api.info()
            return {
                "engine": about["ServerVersion"],
                "image": image,
                "image_id": found["Id"],
                "labels": (found.get("Config") or {}).get("Labels") or {},
                "cpus": about["NCPU"],
                "memory": about["MemTotal"],
            }
    finally:
        api.close()


def remove_dead(run: str | None = None) -> list[str]:
    """Remove the containers, networks and volumes whose runner is dead (of one run, or of all); returns their names.

    What belongs to a living process, or to one that cannot be seen from here (another machine or PID namespace), is never touched.
    Raises InfrastructureError when Docker does not answer.
    """
    api = connect()
    labels = {"label": [*OWNER_LABELS, *([f"{RUN_LABEL}={run}"] if run is not None else [])]}
    removed = []
    try:
        with engine_errors("looking for what dead runs left"):
            for found in api.containers(all=True, filters=labels):
                if not is_alive(found["Labels"], found["State"]):
                    remove_container(api, found["Id"])
                    removed.append(found["Names"][0].removeprefix("/") if found["Names"] else found["Id"])
            # Containers first: a network or volume in use cannot be removed.
            for found in api.networks(filters=labels):
                if not is_alive(found["Labels"]):
                    api.remove_network(found["Id"])
                    removed.append(found["Name"])
            for found in api.volumes(filters=labels)["Volumes"] or ():
                if not is_alive(found["Labels"]):
                    api.remove_volume(found["Name"])
                    removed.append(found["Name"])
    finally:
        api.close()
    return removed


def remove_container(api: Any, container: str) -> None:
    """Remove a container, running or not; returns when it is gone, whoever removed it."""
    import docker.errors

    for _ in range(100):
        try:
            api.remove_container(container, force=True, v=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if error.status_code != 409:  # 409: its own automatic removal is under way
                raise
            time.sleep(0.1)
    raise InfrastructureError(f"container {container} is still being removed after 10 s; look at `docker ps -a`")


def plain_socket(handle: Any) -> socket.socket:
    """The socket beneath the SDK's stream, non-blocking. Raises InfrastructureError for a transport that has none (TLS, ssh)."""
    found = handle if isinstance(handle, socket.socket) else getattr(handle, "_sock", None)
    if not isinstance(found, socket.socket) or isinstance(found, ssl.SSLSocket):
        raise InfrastructureError(
            "the Docker sandbox needs an engine on this machine (unix socket or plain TCP), as it mounts the workspace; "
            f"DOCKER_HOST is {os.environ.get('DOCKER_HOST')!r}"
        )
    found.setblocking(False)
    return found


def close_stream(handle: Any) -> None:
    """Close the SDK's stream and the socket beneath it, which would stay open with either alone."""
    beneath = getattr(handle, "_sock", None)
    handle.close()
    if beneath is not None:
        beneath.close()


async def send(stream: socket.socket, data: bytes) -> None:
    """Send standard input and its end. A command that ends without reading it all is no error."""
    with contextlib.suppress(OSError):
        await asyncio.get_running_loop().sock_sendall(stream, data)
        stream.shutdown(socket.SHUT_WR)


async def frames(stream: socket.socket) -> AsyncIterator[bytes]:
    """Payloads of Docker's multiplexed stream (Engine API, ContainerAttach: 8 bytes header, length big-endian in the last 4)."""
    loop = asyncio.get_running_loop()
    header = b""
    missing = 0
    while True:
        try:
            data = await loop.sock_recv(stream, 2**16)
        except ConnectionError:
            return
        if not data:
            return
        while data:
            if missing:
                piece, data = data[:missing], data[missing:]
                missing -= len(piece)
                yield piece
            else:
                take = 8 - len(header)
                header, data = header + data[:take], data[take:]
                if len(header) == 8:
                    missing, header = int.from_bytes(header[4:], "big"), b""
