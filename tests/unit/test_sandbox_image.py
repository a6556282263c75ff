"""What the build of the research image takes of this machine, and which container owners count as alive."""

import configparser
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_mlrbench.errors import ConfigError, InfrastructureError
from pytest_mlrbench.sandboxes import image, owners
from pytest_mlrbench.sandboxes.docker import check_docker


def pip_conf(settings: dict[str, str], *, has_ca: bool = False) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read_string(image._pip_conf(settings, has_ca=has_ca))
    return dict(parser["global"])


def test_local_indexes_and_folders_do_not_reach_the_build() -> None:
    settings = {
        "index-url": "https://mirror.invalid/simple",
        "extra-index-url": "file:///opt/a https://other.invalid/simple",
        "find-links": "/srv/wheels",
        "cert": "/etc/ssl/own.pem",
        "default-timeout": "180",
        "target": "/somewhere",
    }
    assert pip_conf(settings) == {
        "index-url": "https://mirror.invalid/simple",
        "extra-index-url": "https://other.invalid/simple",
        "timeout": "180",
    }


def test_the_certificates_of_this_machine_are_those_of_the_build() -> None:
    assert pip_conf({}, has_ca=True) == {"cert": "/build/host/ca.pem"}
    assert 'CaInfo "/build/host/ca.pem"' in image._apt_conf([], has_ca=True)


def test_proxies_of_apt_reach_the_build_and_scripts_do_not() -> None:
    lines = [
        'Acquire::http::Proxy "http://proxy.invalid:3128";',
        'Acquire::http::Proxy-Auto-Detect "/usr/bin/find-proxy";',
        'Acquire::Retries "3";',
    ]
    assert image._apt_conf(lines, has_ca=False).strip().splitlines() == lines[:1]


def test_registry_and_proxies_of_npm_reach_the_build_and_keys_do_not() -> None:
    settings = {
        "registry": "https://mirror.invalid/npm/",
        "https-proxy": "http://proxy.invalid:3128",
        "noproxy": ["a.invalid", "b.invalid"],
        "strict-ssl": True,
        "proxy": None,
        "//mirror.invalid/npm/:_authToken": "secret",
        "cafile": "/etc/ssl/own.pem",
    }
    assert image._npmrc(settings, has_ca=True).splitlines() == [
        "registry=https://mirror.invalid/npm/",
        "https-proxy=http://proxy.invalid:3128",
        "noproxy=a.invalid,b.invalid",
        "strict-ssl=true",
        "cafile=/build/host/ca.pem",
    ]


def test_without_npm_its_variables_are_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://mirror.invalid/npm/")
    assert image._npm_settings()["registry"] == "https://mirror.invalid/npm/"


def test_the_coders_are_pinned_and_their_lockfile_names_no_registry() -> None:
    folder = image.resource("sandbox")
    lock = json.loads((folder / "package-lock.json").read_text())
    pinned = image.pinned_coders()
    assert sorted(pinned) == ["@anthropic-ai/claude-code", "@google/gemini-cli", "@openai/codex"]
    for package, version in pinned.items():
        assert lock["packages"][f"node_modules/{package}"]["version"] == version
        assert all(part.isdigit() for part in version.split("."))
    packages = [told for name, told in lock["packages"].items() if name]
    assert all("integrity" in told and "resolved" not in told for told in packages)


def test_the_context_holds_the_folder_and_what_the_host_gives(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x")
    with tarfile.open(fileobj=image._context(tmp_path, {"pip.conf": b"[global]"})) as archive:
        assert sorted(archive.getnames()) == ["Dockerfile", "host/pip.conf"]


def test_the_digest_changes_with_the_folder(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x")
    before = image.sandbox_digest(tmp_path)
    assert image.sandbox_digest(tmp_path) == before
    (tmp_path / "requirements.txt").write_text("")
    assert image.sandbox_digest(tmp_path) != before


def test_an_unknown_requirements_file_names_the_valid_ones() -> None:
    with pytest.raises(ConfigError, match=r"requirements-gpu.txt, requirements.txt"):
        image.build_image(requirements="nothing.txt")


def test_every_requirement_of_the_image_is_pinned() -> None:
    lines = (image.resource("sandbox") / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines if line and not line.startswith("#"))


def test_without_an_engine_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(InfrastructureError, match=r"does not answer at unix://.*nothing.sock; start it or use --mlr-sandbox=local"):
        check_docker("any")


def test_this_process_is_alive_and_a_dead_one_is_not() -> None:
    program = "from pytest_mlrbench.sandboxes.owners import owner_labels; import json; print(json.dumps(owner_labels()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert owners.is_alive(owners.owner_labels())
    assert not owners.is_alive(json.loads(done.stdout))


def test_a_recycled_pid_is_not_mistaken() -> None:
    labels = owners.owner_labels()
    assert labels[owners.PID_LABEL] == str(os.getpid())
    assert not owners.is_alive({**labels, owners.START_LABEL: "1"})


def test_an_owner_that_cannot_be_seen_counts_as_alive() -> None:
    labels = owners.owner_labels()
    boot = labels[owners.NAMESPACE_LABEL].partition("/")[0]
    elsewhere = {**labels, owners.PID_LABEL: "999999999"}
    assert owners.is_alive({**elsewhere, owners.NAMESPACE_LABEL: f"{boot}/pid:[1]"})
    assert owners.is_alive({**elsewhere, owners.NAMESPACE_LABEL: "another-boot/pid:[1]"}, "running")
    assert not owners.is_alive({**elsewhere, owners.NAMESPACE_LABEL: "another-boot/pid:[1]"}, "exited")
    assert owners.is_alive({})


def test_an_image_without_the_coders_is_not_current_for_one_who_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {image.DIGEST_LABEL: image.sandbox_digest(), image.REQUIREMENTS_LABEL: "requirements.txt"}
    client = SimpleNamespace(images=SimpleNamespace(get=lambda tag: SimpleNamespace(labels=labels)), close=lambda: None)
    monkeypatch.setattr(image, "_client", lambda: client)
    assert image.image_is_current("any", coders=False)
    assert not image.image_is_current("any")
    labels[image.CODERS_LABEL] = json.dumps(image.pinned_coders())
    assert image.image_is_current("any")
    assert not image.image_is_current("any", requirements="requirements-gpu.txt")
