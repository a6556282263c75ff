"""`mlrbench doctor`: what this machine has of what runs need, each missing thing with how to get it; nothing is changed."""

import os
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from .errors import InfrastructureError
from .settings import Settings

LEAST_DISK = 5 * 2**30
"""Bytes free that a run with experiments should find; texts alone need a few megabytes."""

KEYS = {
    "GEMINI_API_KEY": "Gemini models (GOOGLE_API_KEY does as well)",
    "ANTHROPIC_API_KEY": "Claude models",
    "OPENAI_API_KEY": "OpenAI models",
    "OPENROUTER_API_KEY": "models through OpenRouter",
    "DEEPSEEK_API_KEY": "DeepSeek models",
    "MISTRAL_API_KEY": "Mistral models",
}
"""Variables that litellm reads, and what they open."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    ok: bool
    told: str
    """What was found."""
    remedy: str = ""
    """How to get what is missing."""
    needed: bool = True
    """False for what only some runs need."""


def examine(folder: Path | None = None) -> list[Finding]:
    """All findings; `folder` (the current one) is where runs would lie."""
    return [_python(), *_packages(), *_docker(), *_keys(), _disk(folder or Path.cwd())]


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")


def _packages() -> list[Finding]:
    """The installed versions against what this package asks for."""
    from packaging.requirements import Requirement

    findings = []
    for text in metadata.requires("pytest-mlrbench") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            findings.append(Finding(requirement.name, False, "not installed", f"pip install '{requirement}'"))
            continue
        fits = requirement.specifier.contains(version, prereleases=True)
        findings.append(Finding(requirement.name, fits, version, f"pip install '{requirement}'"))
    return findings


def _docker() -> list[Finding]:
    """Docker and the research image: only experiments of models that are not built in need them."""
    from .sandboxes.docker import check_docker

    image = str(Settings.model_fields["image"].default)
    try:
        found = check_docker(image)
    except InfrastructureError as error:
        return [Finding("docker", False, "not usable for experiments", str(error), needed=False)]
    labels = found.pop("labels")
    told = ", ".join(f"{name} {value}" for name, value in found.items())
    return [Finding("docker", True, f"{image}: {told}", needed=False), *_coders(labels)]


def _coders(labels: dict[str, Any]) -> list[Finding]:
    """The coders' CLIs that the image was built with, against those that this version pins."""
    from .engine.coder_check import coders_of
    from .sandboxes.image import pinned_coders

    there = coders_of(labels)
    findings = []
    for package, version in pinned_coders().items():
        found = there.get(package)
        told = "not in the image" if found is None else found if found == version else f"{found}, this version pins {version}"
        findings.append(Finding(package, found == version, told, "mlrbench image build", needed=False))
    return findings


def _keys() -> list[Finding]:
    """Keys by name; never their values."""
    findings = []
    for name, opens in KEYS.items():
        there = bool(os.environ.get(name)) or (name == "GEMINI_API_KEY" and bool(os.environ.get("GOOGLE_API_KEY")))
        told = f"set, for {opens}" if there else f"not set, for {opens}"
        findings.append(Finding(name, there, told, f"export {name}=... if you want to use them", needed=False))
    return findings


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    told = f"{free / 2**30:.1f} GiB free in {folder}"
    return Finding("disk", free >= LEAST_DISK, told, f"free {LEAST_DISK // 2**30} GiB or give --mlr-run= a place on another disk")
