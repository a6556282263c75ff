"""Decides whether a Docker test can run: skips with the reason, or fails where CI=true promised an engine and the image."""

import os

import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.sandboxes.docker import check_docker
from pytest_mlrbench.sandboxes.image import DEFAULT_TAG


def need_docker(image: str = DEFAULT_TAG) -> str:
    """The image to use; ends the test when the engine or the image is missing."""
    try:
        check_docker(image)
    except InfrastructureError as error:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"CI=true promises Docker with the research image (.ci/prepare-docker): {error}", pytrace=False)
        pytest.skip(str(error))
    return image
