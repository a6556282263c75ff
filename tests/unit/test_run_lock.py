"""The run lock: one engine a run directory; a dead owner's lock is taken over, a living one's never."""

import json
import os
import subprocess
import sys
import time

import pytest

from pytest_mlrbench.engine.lock import STALE, RunLock, alive, identity
from pytest_mlrbench.errors import ConfigError


def test_a_second_engine_is_told_who_holds_the_run(tmp_path):
    with RunLock(tmp_path), pytest.raises(ConfigError, match=f"in use by process {os.getpid()}"), RunLock(tmp_path):
        pass


def test_the_lock_is_gone_after_the_engine(tmp_path):
    with RunLock(tmp_path):
        assert (tmp_path / "run.lock").exists()
    assert not (tmp_path / "run.lock").exists()


def test_a_dead_owner_is_taken_over(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = identity(child.pid)
    (tmp_path / "run.lock").write_text(json.dumps(owner))
    with pytest.raises(ConfigError, match=f"process {child.pid}"), RunLock(tmp_path):
        pass
    child.kill()
    child.communicate()
    with RunLock(tmp_path):
        assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()


def test_a_reused_pid_is_not_the_owner():
    assert alive(identity())
    assert not alive({**identity(), "start": 1.0})
    assert not alive({**identity(), "boot": "another"})
    assert not alive({})


def test_another_host_counts_as_dead_only_without_heartbeat(tmp_path):
    lock = tmp_path / "run.lock"
    lock.write_text(json.dumps({**identity(), "host": "elsewhere"}))
    with pytest.raises(ConfigError, match="on elsewhere"), RunLock(tmp_path):
        pass
    long_ago = time.time() - STALE - 1
    os.utime(lock, (long_ago, long_ago))
    with RunLock(tmp_path):
        pass


def test_a_lock_that_was_taken_over_is_not_removed_by_its_former_owner(tmp_path):
    with RunLock(tmp_path):
        (tmp_path / "run.lock").write_text(json.dumps({**identity(), "token": "another"}))
    assert (tmp_path / "run.lock").exists()
