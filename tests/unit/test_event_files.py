"""TensorBoard's event files: what real writers left, what a hostile file may not do, and what a report quotes of them."""

import base64
import random
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from evidence_worlds import TODAY, World, fails

from pytest_mlrbench.evidence.checks import audit, subject_of_folder, tensorboard
from pytest_mlrbench.evidence.checks.arrays import Series, Unreadable, Withheld
from pytest_mlrbench.evidence.checks.case import Case
from pytest_mlrbench.evidence.checks.data import array_facts
from pytest_mlrbench.evidence.checks.gathered import gathered
from pytest_mlrbench.evidence.checks.kinds import kind_of
from pytest_mlrbench.evidence.checks.tensorboard import MAX_TAGS, masked_crc, scalars

TENSORBOARDX = base64.b64decode(
    "GAAAAAAAAACjf0siCW1ljZgnwtpBGg1icmFpbi5FdmVudDoyQhNc8xsAAAAAAAAAGg2eEwmEb42YJ8LaQSoQCg4KB3ZhbC9hY2MVAAAAP7fI28kdAAAAAAAA"
    "AGAv3yMJCXSNmCfC2kEQASoQCg4KB3ZhbC9hY2MVJJdfP8pXO7U="
)
"""Written by tensorboardX 2.6.5: add_scalar("val/acc", 0.5, 0), add_scalar("val/acc", 0.8734, 1)."""
TENSORBOARD = base64.b64decode(
    "SAAAAAAAAAD+kkidCavxkJgnwtpBGg1icmFpbi5FdmVudDoyUi4KLHRlbnNvcmJvYXJkLnN1bW1hcnkud3JpdGVyLmV2ZW50X2ZpbGVfd3JpdGVySWuHjC0A"
    "AAAAAAAAPEGK+wkAAABA/FTZQRABKiAKHgoDYWNjQgoIARIAKgTo2Tw/SgsKCQoHc2NhbGFyc1lcfPBUAAAAAAAAAF9RRYcQASpQChUKA2Y2NEIOCAISADII"
    "IelP8lWY4z8KDAoFcGxhaW4VAACAPgopCgN2ZWNCIggCEgQSAggDIhgAAAAAAAAAAAAAAAAAAPA/AAAAAAAAAECYss8i"
)
"""Written by tensorboard 2.21.0: TF2's scalar acc = 0.7377 (float32), a float64 tensor f64 = 0.61234567, a simple_value
plain = 0.25, and vec, a tensor of three numbers, which is no scalar."""

WRITER = """\
import struct
def crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data
def record(tag, value, step):
    one = field(1, tag.encode()) + b"\\x15" + struct.pack("<f", value)
    event = b"\\x09" + struct.pack("<d", 1.7e9) + bytes([16, step]) + field(5, field(1, one))
    length = struct.pack("<Q", len(event))
    return length + struct.pack("<I", crc(length)) + event + struct.pack("<I", crc(event))
"""
"""A writer by the format's description, bit by bit; programs of these tests have it as text."""
_made: dict[str, object] = {}
exec(WRITER, _made)
record = _made["record"]


def read(content: bytes) -> dict[str, list[float]]:
    return {name: values for (name,), values in scalars(content)}


def until_error(series: Iterator[Series]) -> tuple[dict[str, list[float]], Unreadable | None]:
    found: dict[str, list[float]] = {}
    try:
        for (name,), values in series:
            found[name] = values
    except Unreadable as error:
        return found, error
    return found, None


def test_files_of_real_writers_give_their_scalars_as_they_were_logged() -> None:
    assert read(TENSORBOARDX) == {"val/acc": [0.5, 0.8734]}
    assert read(TENSORBOARD) == {"acc": [0.7377], "f64": [0.61234567], "plain": [0.25]}


def test_a_series_gives_its_last_highest_and_lowest_value() -> None:
    content = b"".join(record("val/acc", value, step) for step, value in enumerate((0.5121, 0.8734, 0.8612)))  # type: ignore[operator]
    facts = {(fact.names, fact.how): fact.value for fact in array_facts("runs/a/events.out.tfevents.1700000000.host", content)}
    assert [facts[("val/acc",), how] for how in ("first", "max", "last", "min")] == [0.5121, 0.8734, 0.8612, 0.5121]


@pytest.mark.parametrize("name", ["events.out.tfevents.1700000000.host.7.0", "r/events.out.tfevents.1.h.gz", "x.tfevents.123.h.v2"])
def test_event_files_are_known_by_their_name(name: str) -> None:
    assert kind_of(name).suffix == ".tfevents"


@pytest.mark.parametrize("name", ["events.txt", "tfevents.py", "notes on tfevents.md", "tfevents/readme.md"])
def test_other_files_are_not(name: str) -> None:
    assert kind_of(name).suffix != ".tfevents"


def test_a_cut_last_record_is_no_error_wherever_it_is_cut() -> None:
    whole = TENSORBOARDX[: 40 + 43]
    first = [0.5]
    for end in range(len(TENSORBOARDX)):
        found = read(TENSORBOARDX[:end])
        assert found == {} or found["val/acc"][:1] == first
    assert read(whole) == {"val/acc": first}


def test_a_length_of_an_exabyte_takes_no_memory() -> None:
    length = struct.pack("<Q", 2**60)
    tracemalloc.start()
    try:
        assert read(TENSORBOARDX + length + struct.pack("<I", masked_crc(length)) + b"x") == {"val/acc": [0.5, 0.8734]}
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_damage_is_told_after_what_was_read() -> None:
    found, error = until_error(scalars(TENSORBOARDX + b"\0" * 40))
    assert found == {"val/acc": [0.5, 0.8734]}
    assert error is not None
    assert f"at byte {len(TENSORBOARDX)}" in str(error)
    assert not isinstance(error, Withheld)
    assert until_error(scalars(b"no event file, but a text of some length"))[0] == {}


def test_tags_without_end_are_read_up_to_a_limit_and_that_is_told() -> None:
    one = b"".join(record(f"t{index:05}", 0.5, 0) for index in range(100))  # type: ignore[operator]
    many = b"".join(one.replace(b"t000", b"%04d" % (index % 10_000)) for index in range(110))
    found, error = until_error(scalars(many))
    assert len(found) == MAX_TAGS
    assert isinstance(error, Withheld)


def test_mangled_files_raise_nothing_else() -> None:
    dice = random.Random(3)
    for _ in range(3000):
        content = bytearray(TENSORBOARD)
        # Inside records: their lengths stay right, so that the fields are read.
        for _ in range(dice.randint(1, 4)):
            content[dice.randrange(100, len(content))] = dice.randrange(256)
        until_error(scalars(bytes(content)))


def test_of_long_files_no_more_than_a_limit_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "MAX_READ", 2**17)
    event = b"\x10\x01" * 2**14
    length = struct.pack("<Q", len(event))
    one = length + struct.pack("<I", masked_crc(length)) + event + b"\0" * 4
    found, error = until_error(scalars(one * 3 + record("acc", 0.5, 0) + one * 3 + record("late", 0.5, 0)))  # type: ignore[operator]
    assert found == {"acc": [0.5]}
    assert isinstance(error, Withheld)


def test_long_records_which_hold_pictures_are_passed_over() -> None:
    length = struct.pack("<Q", 2**20)
    picture = length + struct.pack("<I", masked_crc(length)) + b"\xff" * (2**20 + 4)
    assert read(picture * 12 + record("acc", 0.5, 0)) == {"acc": [0.5]}  # type: ignore[operator]


def folder(root: Path, value: str) -> Case:
    (root / "results").mkdir(exist_ok=True)
    (root / "runs" / "ours").mkdir(parents=True, exist_ok=True)
    (root / "runs" / "ours" / "events.out.tfevents.1700000000.host.7.0").write_bytes(TENSORBOARDX)
    (root / "results" / "results.md").write_text(f"| method | accuracy |\n|---|---|\n| ours | {value} |\n")
    return Case(subject_of_folder(root, today=TODAY))


def test_a_reports_number_is_found_in_an_event_file_of_its_folder(tmp_path: Path) -> None:
    (traced,) = folder(tmp_path, "87.34 %").tallies["results/results.md"].traced
    assert traced.status == "traced"
    assert traced.why == "runs/ours/events.out.tfevents.1700000000.host.7.0: val/acc"
    (other,) = folder(tmp_path, "88.12 %").tallies["results/results.md"].traced
    assert other.status == "unsourced"


def test_means_over_runs_are_known_although_writers_name_files_by_time() -> None:
    names = (f"runs/seed_{seed}/events.out.tfevents.17000{seed}0123.host.{seed}7.0" for seed in range(3))
    facts = [
        fact
        for seed, name in enumerate(names)
        for fact in array_facts(name, record("val/acc", 0.80 + seed / 50, 0))  # type: ignore[operator]
    ]
    assert 0.82 in {round(fact.value, 6) for fact in gathered(facts) if fact.how.startswith("mean")}


MEASURES = """
import random
rng = random.Random(5)
accuracy = [sum(rng.gauss(0, 1) > t for _ in range(997)) / 997 for t in (-0.9, -1.1, -1.3)]
"""
LOGS = """
import os
os.makedirs("results/runs", exist_ok=True)
with open("results/runs/events.out.tfevents.1700000000.host", "wb") as file:
    for step, value in enumerate(accuracy):
        file.write(record("val/acc", value, step))
"""


def test_what_a_program_logged_bears_out_a_report(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(WRITER + MEASURES + LOGS)
    found = read((world.output / "results/runs/events.out.tfevents.1700000000.host").read_bytes())["val/acc"]
    rows = "".join(f"| {epoch} | {value:.5f} |\n" for epoch, value in enumerate(found))
    world.write("results/results.md", f"| epoch | accuracy |\n|---|---|\n{rows}")
    assert fails(world.audit()) == []
    traced = Case(subject_of_folder(world.trial, today=TODAY)).tallies["results/results.md"].traced
    assert [one.why for one in traced if one.claim.number.digits > 3] == [
        "results/runs/events.out.tfevents.1700000000.host: val/acc"
    ] * 3


def test_constants_that_a_program_logged_as_float32_were_typed_all_the_same(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(WRITER + "\naccuracy = [0.81234, 0.87341, 0.89127, 0.90235, 0.91452]\n" + LOGS)
    rows = "".join(f"| {epoch} | {value:.5f} |\n" for epoch, value in enumerate((0.81234, 0.87341, 0.89127, 0.90235, 0.91452)))
    world.write("results/results.md", f"| epoch | accuracy |\n|---|---|\n{rows}")
    result = world.audit()
    assert result.verdict == "hallucinated"
    assert fails(result, "numbers")


def test_the_reader_is_imported_only_where_an_event_file_lies(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from pytest_mlrbench.evidence.checks import audit, subject_of_folder\n"
        "for folder in sys.argv[1:]:\n"
        "    audit(subject_of_folder(pathlib.Path(folder)))\n"
        "    print('pytest_mlrbench.evidence.checks.tensorboard' in sys.modules, 'tensorboard' in sys.modules)\n"
    )
    without, with_one = tmp_path / "a", tmp_path / "b"
    for root in (without, with_one):
        root.mkdir()
        folder(root, "0.5")
    (without / "runs" / "ours" / "events.out.tfevents.1700000000.host.7.0").unlink()
    command = [sys.executable, "-c", code, str(without), str(with_one)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "False"]


def test_a_damaged_event_file_is_named(tmp_path: Path) -> None:
    folder(tmp_path, "0.5")
    (tmp_path / "runs" / "ours" / "events.out.tfevents.1700000000.host.7.0").write_bytes(TENSORBOARDX + b"\0" * 40)
    assert "host.7.0: it is damaged" in audit(subject_of_folder(tmp_path, today=TODAY)).coverage["reading"]
