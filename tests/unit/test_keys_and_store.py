"""Names of trials and the run store: what is written is found again, also under hostile names; damage is named."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlrbench.audits import Audit, Finding, Quote
from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.keys import STAGES, TrialKey, safe_name
from pytest_mlrbench.records import Review, TrialRecord
from pytest_mlrbench.results.store import RunStore, write_atomic

KEY = TrialKey("iclr2025_wsl", "idea")


def record(key: TrialKey = KEY) -> TrialRecord:
    return TrialRecord(
        task=key.task, stage=key.stage, epoch=key.epoch, model="m", agent="a", status="done", started=1.0, finished=2.0
    )


@given(st.text(min_size=1, max_size=40), st.sampled_from(STAGES), st.integers(1, 99))
def test_a_key_survives_its_text(task, stage, epoch):
    key = TrialKey(task.encode("utf-8", "ignore").decode() or "t", stage, epoch)
    assert TrialKey.parse(str(key)) == key
    assert str(key).count("/") == 1
    assert str(key).split("/")[0] not in ("", ".", "..")


@pytest.mark.parametrize("text", ["", "task", "task/nothing", "task/idea.ex", "a/b/idea"])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(ValueError, match="not a trial key"):
        TrialKey.parse(text)


def test_the_first_epoch_has_no_suffix():
    assert str(KEY) == "iclr2025_wsl/idea"
    assert str(KEY._replace(epoch=2)) == "iclr2025_wsl/idea.e2"
    assert KEY._replace(epoch=2).item_id == "iclr2025_wsl-e2"


def test_model_ids_are_one_path_component():
    assert safe_name("openrouter/a/b:free") == "openrouter%2Fa%2Fb%3Afree"


def test_a_record_is_found_again(tmp_path):
    store = RunStore(tmp_path)
    assert store.record(KEY) is None
    store.write_record(record())
    assert store.record(KEY) == record()
    assert list(store.records()) == [record()]


def test_records_come_in_the_order_of_task_stage_epoch(tmp_path):
    store = RunStore(tmp_path)
    keys = [TrialKey(task, stage, epoch) for task in ("a", "b") for stage in ("idea", "proposal", "paper") for epoch in (1, 2)]
    for key in reversed(keys):
        store.write_record(record(key))
    assert [found.key for found in store.records()] == keys


def test_reviews_of_judges_protocols_and_repeats_have_files_of_their_own(tmp_path):
    store = RunStore(tmp_path)
    names = {
        store.review_file(KEY, judge, protocol * 64, repeat)
        for judge in ("openai/a", "a")
        for protocol in "xy"
        for repeat in (1, 2)
    }
    assert len(names) == 8
    review = Review(judge="openai/a", stage="idea", protocol="x" * 64, scores={"Overall": 7})
    store.write_review(KEY, review)
    assert store.review(KEY, "openai/a", "x" * 64) == review
    assert store.review(KEY, "openai/a", "y" * 64) is None


def test_a_damaged_record_is_named_not_guessed(tmp_path):
    store = RunStore(tmp_path)
    store.write_record(record())
    path = store.trial(KEY) / "record.json"
    path.write_text(path.read_text()[:50])
    with pytest.raises(ConfigError, match=r"record\.json is damaged"):
        store.record(KEY)


def test_audits_are_stored_as_they_were_and_unknown_keys_in_them_refused(tmp_path):
    store = RunStore(tmp_path)
    found = Finding("other", "results", "outputs", "warn", "an empty log", [Quote("results/log.txt", quote="")])
    audit = Audit("unverified", 0.25, {"outputs": "done"}, [found])
    store.write_audit(KEY, audit)
    assert store.audit(KEY) == audit
    path = store.trial(KEY) / "audit.json"
    for spoilt in ({"colour": "red"}, {"verdict": "maybe"}, {"findings": [{**asdict(found), "colour": "red"}]}):
        path.write_text(json.dumps({**asdict(audit), **spoilt}))
        with pytest.raises(ConfigError, match=r"audit\.json is damaged or of another version"):
            store.audit(KEY)


def test_opening_what_is_no_run_or_of_a_newer_format_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is not a run directory"):
        RunStore.open(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ConfigError, match="format 99"):
        RunStore.open(tmp_path)


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path, monkeypatch):
    target = tmp_path / "file"
    write_atomic(target, b"old")
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_output_left_by_a_killed_attempt_is_replaced(tmp_path):
    store = RunStore(tmp_path)
    for text in ("first", "second"):
        staged = store.trial(KEY) / ".staging"
        staged.mkdir(parents=True)
        (staged / "idea.md").write_text(text)
        store.commit_output(KEY, staged)
    assert (store.output(KEY) / "idea.md").read_text() == "second"
