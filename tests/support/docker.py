"""Decides whether a Docker test can run: skips with the reason, or fails where CI=true promised an engine and the image."""

import os

import pytest

from pytest_mlrbench.engine.coder_check import coders_of
from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.sandboxes.docker import check_docker
from pytest_mlrbench.sandboxes.image import DEFAULT_TAG, pinned_coders


def need_docker(image: str = DEFAULT_TAG) -> str:
    """The image to use; ends the test when the engine or the image is missing."""
    try:
        check_docker(image)
    except InfrastructureError as error:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"CI=true promises Docker with the research image (.ci/prepare-docker): {error}", pytrace=False)
        pytest.skip(str(error))
    return image


def need_coders(image: str = DEFAULT_TAG) -> str:
    """As `need_docker`, for an image with the coders' CLIs as they are pinned."""
    there = coders_of(check_docker(need_docker(image))["labels"])
    if there != pinned_coders():
        lacks = f"the image {image} has not the coders' CLIs as pinned (it has {there or 'none'}): run `mlrbench image build`"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"CI=true promises them (.ci/prepare-docker): {lacks}", pytrace=False)
        pytest.skip(lacks)
    return image
