"""The research image: builds it from the packaged `sandbox/` folder. `mlrbench image build` and `.ci/prepare-docker` call it."""

import argparse
import configparser
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from ..errors import ConfigError, InfrastructureError
from ..resources import resource

DEFAULT_TAG = "mlrbench-research:latest"
DEFAULT_BASE = "python:3.11-slim-bookworm"
DIGEST_LABEL = "mlrbench.sandbox.digest"
BASE_LABEL = "mlrbench.sandbox.base"
BUILD_STAGE_LABEL = "mlrbench.stage=build"
CODERS_LABEL = "mlrbench.sandbox.coders"
"""Label of an image with the coders' CLIs: JSON object, npm package -> version. An image without them has none."""

REQUIREMENTS_LABEL = "mlrbench.sandbox.requirements"

_CA_INSIDE = "/build/host/ca.pem"
_PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "find-links", "timeout", "default-timeout", "retries", "proxy")
_NPM_KEYS = (
    "registry", "proxy", "https-proxy", "noproxy", "strict-ssl", "fetch-timeout", "fetch-retries", "replace-registry-host",
)  # fmt: skip
"""What of npm's configuration the build gets; keys of registries stay here."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY")
_CA_PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)

_NOT_IN_THE_IMAGE = frozenset({"seccomp.json"})
"""Files of the folder that the containers need, not the image: changing them makes no image stale."""

Network = Literal["host", "default"]


def sandbox_digest(folder: Path | None = None) -> str:
    """SHA-256 over names and contents of the image's files: a built image carries it, so a changed folder is seen."""
    folder = folder or resource("sandbox")
    digest = hashlib.sha256()
    for path in _files(folder):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def image_is_current(tag: str = DEFAULT_TAG, *, requirements: str = "requirements.txt", coders: bool = True) -> bool:
    """Whether `tag` exists and was built from the folder as it is now with these requirements, and the coders' CLIs if `coders`.

    Raises InfrastructureError when Docker does not answer.
    """
    import docker.errors

    client = _client()
    try:
        labels = client.images.get(tag).labels
    except docker.errors.ImageNotFound:
        return False
    finally:
        client.close()
    # One with the CLIs serves who wants none.
    same = labels.get(DIGEST_LABEL) == sandbox_digest() and labels.get(REQUIREMENTS_LABEL) == requirements
    return same and (CODERS_LABEL in labels or not coders)


def pinned_coders() -> dict[str, str]:
    """npm package -> version of the coders' CLIs that the image gets."""
    found: dict[str, str] = json.loads((resource("sandbox") / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return found


def build_image(
    tag: str = DEFAULT_TAG,
    base: str = DEFAULT_BASE,
    *,
    network: Network = "host",
    ca: Path | None = None,
    requirements: str = "requirements.txt",
    coders: bool = True,
    notice: Callable[[str], None] | None = None,
) -> str:
    """Build the research image and return its id (`sha256:...`).

    The build downloads with this machine's settings: its certificates (`ca`, else SSL_CERT_FILE or the system's bundle), pip's
    and npm's configuration, apt's proxy settings and the proxy variables. They reach the first build stage only, whose layers are
    removed afterwards; the image holds none of them. `network` "host" builds where the daemon's bridge has no way out.
    `coders` installs Node and the coders' CLIs, about 1 GB.

    Raises InfrastructureError (Docker does not answer, the build fails: with the end of its output) and ConfigError (a file of
    `requirements` or `ca` that does not exist).
    """
    import docker.errors

    folder = resource("sandbox")
    if not (folder / requirements).is_file():
        valid = ", ".join(path.name for path in sorted(folder.glob("requirements*.txt")))
        raise ConfigError(f"no requirements file {requirements!r} in {folder}; valid: {valid}")
    say = notice or (lambda line: None)
    client = _client()
    log: list[str] = []
    try:
        events = client.api.build(
            fileobj=_context(folder, _host_files(ca)),
            custom_context=True,
            tag=tag,
            rm=True,
            forcerm=True,
            decode=True,
            network_mode=network,
            buildargs={"BASE_IMAGE": base, "REQUIREMENTS": requirements, "CODERS": "yes" if coders else "no", **_proxies()},
            labels={
                DIGEST_LABEL: sandbox_digest(folder),
                BASE_LABEL: base,
                REQUIREMENTS_LABEL: requirements,
                **({CODERS_LABEL: json.dumps(pinned_coders())} if coders else {}),
            },
        )
        for event in events:
            for line in (event.get("stream") or "").splitlines():
                if line.strip():
                    log.append(line)
                    say(line)
            if "error" in event:
                tail = "\n".join(log[-25:])
                raise InfrastructureError(f"building {tag} from {base} failed: {event['error'].strip()}\n{tail}")
        client.images.prune(filters={"dangling": True, "label": BUILD_STAGE_LABEL})
        return str(client.images.get(tag).id)
    except docker.errors.DockerException as error:
        raise InfrastructureError(f"building {tag} from {base} failed: {error}") from error
    finally:
        client.close()


def _client() -> Any:
    """A Docker client whose engine answered. Raises InfrastructureError."""
    import docker
    from docker.errors import DockerException

    from .docker_engine import no_docker

    try:
        # A build step may be silent for minutes (pip unpacking a wheel), so the read time-out is long.
        return docker.from_env(timeout=1800)
    except DockerException as error:
        raise no_docker(error) from error


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path for path in found if path.name not in _NOT_IN_THE_IMAGE)


def _context(folder: Path, host: dict[str, bytes]) -> io.BytesIO:
    """The build context as a tar archive in memory: the folder, and `host/` with this machine's settings."""
    buffer = io.BytesIO()
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)}
    contents.update({f"host/{name}": content for name, content in host.items()})
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def _host_files(ca: Path | None) -> dict[str, bytes]:
    """What the first build stage needs of this machine to download: ca.pem, pip.conf, npmrc, apt.conf."""
    if ca is not None and not ca.is_file():
        raise ConfigError(f"the certificate bundle {ca} does not exist")
    found = ca or next((path for path in map(Path, (os.environ.get("SSL_CERT_FILE", ""), *_CA_PLACES)) if path.is_file()), None)
    files = {"ca.pem": found.read_bytes()} if found else {}
    files["pip.conf"] = _pip_conf(pip_settings(), has_ca=bool(found)).encode()
    files["npmrc"] = _npmrc(_npm_settings(), has_ca=bool(found)).encode()
    files["apt.conf"] = _apt_conf(_apt_settings(), has_ca=bool(found)).encode()
    return files


def pip_settings() -> dict[str, str]:
    """pip's effective configuration on this machine by `pip config list`: key without its section -> value.

    Later lines win as in pip: files first, environment variables last.
    """
    command = [sys.executable, "-m", "pip", "config", "list"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        # An interpreter without pip (uv, pipx): the environment variables are all that can be known.
        return {name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name.startswith("PIP_")}
    settings: dict[str, str] = {}
    for line in listed.splitlines():
        name, equals, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if equals and section in ("global", "install", ":env:"):
            settings[key] = value.strip("'\"")
    return settings


def _pip_conf(settings: dict[str, str], *, has_ca: bool) -> str:
    """A pip.conf for the build: what a container can use of `settings`; local indexes and folders do not exist in there."""
    parser = configparser.RawConfigParser()
    parser["global"] = {}
    for key in _PIP_KEYS:
        usable = [word for word in settings.get(key, "").split() if not _is_local(key, word)]
        if usable:
            parser["global"][key.removeprefix("default-")] = "\n".join(usable)
    if has_ca:
        parser["global"]["cert"] = _CA_INSIDE
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def _is_local(key: str, word: str) -> bool:
    if key in ("index-url", "extra-index-url", "find-links"):
        return not word.startswith(("http://", "https://"))
    return False


def _npm_settings() -> dict[str, Any]:
    """npm's effective configuration on this machine (files, environment, defaults); without npm what its variables say."""
    try:
        listed = subprocess.run(
            ["npm", "config", "list", "--long", "--json"], capture_output=True, text=True, timeout=60, check=True
        )
        found = json.loads(listed.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        prefix = "npm_config_"
        variables = {name.lower(): value for name, value in os.environ.items()}
        return {name[len(prefix) :].replace("_", "-"): value for name, value in variables.items() if name.startswith(prefix)}
    return found if isinstance(found, dict) else {}


def _npmrc(settings: dict[str, Any], *, has_ca: bool) -> str:
    """An npmrc for the build, one `key=value` a line; what npm has no value for is left out."""
    lines = []
    for key in _NPM_KEYS:
        value = settings.get(key)
        value = ",".join(str(one) for one in value if one) if isinstance(value, list) else value
        if value not in (None, "") and "\n" not in str(value):
            lines.append(f"{key}={json.dumps(value) if isinstance(value, bool) else value}")
    if has_ca:
        lines.append(f"cafile={_CA_INSIDE}")
    return "\n".join(lines) + "\n"


def _apt_settings() -> list[str]:
    """apt's effective settings on this machine, one `Name "value";` a line; none where apt is absent."""
    try:
        dump = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return dump.stdout.splitlines()


def _apt_conf(settings: list[str], *, has_ca: bool) -> str:
    """An apt.conf for the build: proxies and validity checks as here, certificates from the bundle."""
    kept = []
    for line in settings:
        name = line.partition(" ")[0].lower()
        proxied = name.startswith(("acquire::http::proxy", "acquire::https::proxy")) and "auto-detect" not in name
        if proxied or name in ("acquire::check-valid-until", "acquire::check-date"):
            kept.append(line)
    if has_ca:
        kept.append(f'Acquire::https::CaInfo "{_CA_INSIDE}";')
    return "\n".join(kept) + "\n"


def _proxies() -> dict[str, str]:
    """The proxy variables in both spellings; Docker predefines them as build arguments and keeps them out of the history."""
    return {name: os.environ[name] for upper in _PROXIES for name in (upper, upper.lower()) if os.environ.get(name)}


def main(arguments: list[str] | None = None) -> int:
    """`python -m pytest_mlrbench.sandboxes.image`: build the image unless it is current. 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="mlrbench image build", description="Build the research image.")
    parser.add_argument("--tag", default=DEFAULT_TAG, help="name of the image (%(default)s)")
    parser.add_argument("--base", default=DEFAULT_BASE, help="image it is built on, Debian with Python >= 3.11 (%(default)s)")
    parser.add_argument("--network", choices=("host", "default"), default="host", help="network of the build (%(default)s)")
    parser.add_argument("--ca", type=Path, help="certificate bundle for downloads (SSL_CERT_FILE, else the system's)")
    parser.add_argument("--requirements", default="requirements.txt", help="requirements-gpu.txt adds PyTorch")
    parser.add_argument("--no-coders", action="store_true", help="without Node and the coders' CLIs: 1 GB less, only `bash`")
    parser.add_argument("--if-changed", action="store_true", help="do nothing when the image is up to date")
    options = parser.parse_args(arguments)
    try:
        if options.if_changed and image_is_current(options.tag, requirements=options.requirements, coders=not options.no_coders):
            print(f"{options.tag} is up to date")
            return 0
        image_id = build_image(
            options.tag,
            options.base,
            network=options.network,
            ca=options.ca,
            requirements=options.requirements,
            coders=not options.no_coders,
            notice=lambda line: print(line, flush=True),
        )
    except (ConfigError, InfrastructureError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"built {options.tag} ({image_id})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
