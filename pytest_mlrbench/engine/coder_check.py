"""What stands against the chosen coder before anything runs: a provider it does not speak to, a program that is not there."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from ..agents import NAMES
from ..coders import load_coder
from ..coders.cli import CliCoder
from ..models.catalog import provider_of
from ..sandboxes.image import CODERS_LABEL, pinned_coders
from ..sandboxes.local import SYSTEM_PATH
from ..settings import Settings


def check_coder(settings: Settings, labels: dict[str, Any] | None) -> list[str]:
    """Fatal problems, each with its remedy. `labels`: of the image, None when it is not there or not used. Imports litellm for a
    coder that is a program of its own."""
    if settings.agent not in NAMES:
        return []
    coder = load_coder(settings.coder)
    if not isinstance(coder, CliCoder):
        return []
    problems = []
    provider = "none (it is built in)" if settings.offline else provider_of(settings.model)
    if provider != coder.provider:
        problems.append(
            f"--mlr-coder={coder.name} speaks {coder.provider}'s API only, and --mlr-model={settings.model} is of {provider}: "
            f"give a model {coder.provider}/..., or --mlr-coder=bash, which works with any model"
        )
    missing = missing_program(coder, settings, labels)
    return [*problems, missing] if missing else problems


def missing_program(coder: CliCoder, settings: Settings, labels: dict[str, Any] | None) -> str:
    """Why the coder's program will not be found, empty when it will."""
    pinned = f"{coder.package}@{pinned_coders()[coder.package]}"
    if settings.sandbox == "local":
        path = os.pathsep.join((str(Path(sys.executable).parent), SYSTEM_PATH))
        if shutil.which(coder.program, path=path) is None:
            return (
                f"the coder {coder.name} needs `{coder.program}` in {SYSTEM_PATH}: npm install -g {pinned}, or --mlr-sandbox=docker"
            )
        return ""
    if labels is not None and coder.package not in coders_of(labels):
        return f"the image {settings.image} lacks {coder.package}, which --mlr-coder={coder.name} runs: mlrbench image build"
    return ""


def coders_of(labels: dict[str, Any]) -> dict[str, str]:
    """npm package -> version that an image of ours was built with."""
    try:
        found = json.loads(labels.get(CODERS_LABEL) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
