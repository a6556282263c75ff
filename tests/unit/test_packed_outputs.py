"""Compressed outputs, the files that MLflow and Weights & Biases leave, and results that nothing here can read."""

import bz2
import gzip
import io
import json
import lzma
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from evidence_worlds import PROGRAM, TODAY, World, fails

from pytest_mlrbench.evidence.checks import audit, subject_of_folder
from pytest_mlrbench.evidence.checks.arrays import MAX_BYTES
from pytest_mlrbench.evidence.checks.case import Case
from pytest_mlrbench.evidence.checks.compressed import MAX_PARTS, expand, read_packed_text
from pytest_mlrbench.evidence.checks.data import facts_of
from pytest_mlrbench.evidence.checks.gathered import gathered
from pytest_mlrbench.evidence.checks.quantities import numbers_in
from pytest_mlrbench.evidence.checks.sources import Pool

PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
RUN = "0123456789abcdef0123456789abcdef"


def pool_of(root: Path, **files: bytes) -> Pool:
    """The pool of a folder without a ledger; `__` in a name stands for `/`, `_o_` for a dot."""
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_o_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "results").mkdir(exist_ok=True)
    return Case(subject_of_folder(root, today=TODAY)).pool


def known(pool: Pool, number: str) -> str:
    fact = pool.source(numbers_in(number)[0])
    return f"{fact.file} {fact.key}" if fact is not None else ""


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("m.csv", b"method,acc\nours,0.87345\nother,0.81\n", "ours.acc"),
        ("m.json", b'{"ours": {"acc": 0.87345}}', "ours.acc"),
        ("m.jsonl", b'{"method": "ours", "acc": 0.87345}\n{"method": "b", "acc": 0.81}\n', "ours.acc"),
        ("train.log", b"epoch 1\naccuracy 0.87345\n", ""),
    ],
)
def test_a_packed_file_is_read_as_what_it_holds(tmp_path: Path, packing: str, name: str, content: bytes, key: str) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / (name + packing)).write_bytes(PACKERS[packing](content))
    pool = Case(subject_of_folder(tmp_path, today=TODAY)).pool
    assert known(pool, "0.87345") == f"results/{name}{packing} {key}"
    assert pool.unread == []


def test_a_packed_array_is_one(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([0.87345, 0.5]))
    assert known(pool_of(tmp_path, results__a_o_npy_o_gz=gzip.compress(stream.getvalue())), "0.87345")


def test_streams_behind_each_other_are_one_text() -> None:
    for packing, pack in PACKERS.items():
        assert expand(packing, pack(b"epoch 1\n") + pack(b"") + pack(b"epoch 2\n"), 100).content == b"epoch 1\nepoch 2\n"
    assert expand(".gz", gzip.compress(b"a") + b"\0" * 512, 100) == (b"a", "", False)


@pytest.mark.parametrize("packing", PACKERS)
def test_of_a_cut_file_what_comes_out_is_read_and_the_cut_is_named(tmp_path: Path, packing: str) -> None:
    lines = "".join(f"step {index} accuracy {0.5 + index * 0.00123:.5f} {zlib.crc32(b'%d' % index)}\n" for index in range(60_000))
    whole = PACKERS[packing](lines.encode())
    held = expand(packing, whole[: len(whole) * 3 // 4], 2**24)
    assert lines.encode().startswith(held.content)
    assert len(held.content) > len(lines) // 3
    assert "cut off" in held.problem
    assert not held.more
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / f"train.log{packing}").write_bytes(whole[: len(whole) * 3 // 4])
    pool = Case(subject_of_folder(tmp_path, today=TODAY)).pool
    assert known(pool, "0.50123")
    assert [told.partition(":")[0] for told in pool.unread] == [f"results/train.log{packing}"]
    assert pool.withheld == []


@pytest.mark.parametrize("packing", PACKERS)
def test_what_is_not_packed_gives_nothing_and_no_error(packing: str) -> None:
    for content in (b"", b"accuracy 0.87345", PACKERS[packing](b"accuracy")[:-9] + b"\xff" * 9, b"\x1f\x8b\x08\xff" * 9):
        held = expand(packing, content, 100)
        assert b"0.87345" not in held.content
        assert held.problem
        assert not held.more


@pytest.fixture(scope="module")
def gigabyte() -> bytes:
    """1 GB of zeros as one stream: one deflated block of 64 MB, repeated."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(b"\0" * 2**26) + packer.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, wbits=-15)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + block * 16 + last.compress(b"") + last.flush() + struct.pack("<II", 0, 2**30)


def test_a_bomb_costs_what_a_large_file_costs(tmp_path: Path, gigabyte: bytes) -> None:
    tracemalloc.start()
    try:
        held = expand(".gz", gigabyte, MAX_BYTES)
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_BYTES
    finally:
        tracemalloc.stop()
    assert len(held.content) == MAX_BYTES
    assert held.more
    # It does not push out what lies behind it, and it is named.
    pool = pool_of(
        tmp_path,
        results__a_o_log_o_gz=gigabyte,
        results__b_o_npy_o_gz=gigabyte,
        results__m_o_csv_o_gz=gzip.compress(b"method,acc\nours,0.87345\n"),
    )
    assert known(pool, "0.87345")
    assert pool.withheld == ["results/a.log.gz", "results/b.npy.gz"]
    assert "results/a.log.gz: it unpacks to more than 32 MB" in audit(subject_of_folder(tmp_path)).coverage["reading"]


def test_xz_that_asks_for_four_gigabytes_of_memory_gets_none() -> None:
    content = bytearray(lzma.compress(b"accuracy 0.87345"))
    size = (content[12] + 1) * 4
    place = content.index(b"\x21\x01", 12) + 2
    content[place] = 40
    content[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(content[12 : 12 + size - 4]))
    held = expand(".xz", bytes(content), MAX_BYTES)
    assert held.content == b""
    assert held.more
    assert "emory" in held.problem


def test_a_file_of_too_many_parts_is_read_up_to_a_limit() -> None:
    held = expand(".gz", gzip.compress(b"x") * (MAX_PARTS + 5), MAX_BYTES)
    assert held.content == b"x" * MAX_PARTS
    assert held.more


def test_only_a_packed_name_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"accuracy"))
    (tmp_path / "a.log").write_bytes(b"accuracy")
    assert read_packed_text(tmp_path / "a.log.gz") == read_packed_text(tmp_path / "a.log") == "accuracy"


TABLE = "| method | accuracy |\n|---|---|\n"
TYPED = TABLE + "".join(f"| m{index} | {value} |\n" for index, value in enumerate((0.81234, 0.87341, 0.89127, 0.90235, 0.91452)))
PACKS = f"""{PROGRAM}
import gzip
gzip.open('results/raw.json.gz', 'wt').write(json.dumps(raw))
os.remove('results/results.json')
"""


def report(world: World, raw: dict[str, dict[str, list[float]]]) -> None:
    rows = "".join(f"| {method} | {row['mae'][3]:.5f} | {max(row['rmse']):.5f} |\n" for method, row in raw.items())
    world.write("results/results.md", f"| method | MAE | RMSE |\n|---|---|---|\n{rows}")


def test_what_a_program_packed_bears_out_a_report(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(PACKS)
    report(world, json.loads(gzip.decompress((world.output / "results/raw.json.gz").read_bytes())))
    result = world.audit()
    assert fails(result) == []
    assert result.support == 1.0


@pytest.mark.parametrize(("pack", "suffix"), [("gzip", "gz"), ("xz", "xz")])
def test_a_log_that_a_command_packed_is_still_the_programs(tmp_path: Path, pack: str, suffix: str) -> None:
    world = World(tmp_path)
    world.program(PROGRAM)
    raw = json.loads(world.text("results/results.json"))["raw"]
    assert world.run(f"{pack} results/results.json").exit_code == 0
    report(world, raw)
    assert fails(world.audit()) == []
    case = Case(subject_of_folder(world.trial, today=TODAY))
    writing = case.writers.last[f"results/results.json.{suffix}"]
    assert writing.how == "program"
    assert "packed copy of results/results.json" in writing.means


@pytest.mark.parametrize("pack", ["gzip", "xz"])
def test_numbers_that_were_typed_and_packed_are_no_source(tmp_path: Path, pack: str) -> None:
    world = World(tmp_path)
    world.program("print('hello')")
    world.write("results/log.txt", TYPED)
    world.run(f"{pack} results/log.txt")
    world.write("results/results.md", TYPED)
    result = world.audit()
    assert result.verdict == "hallucinated"
    assert any("results/log.txt" in found.message for found in result.findings if found.check == "provenance")


@pytest.mark.parametrize(
    "name", ["results/metrics.h5", "out.hdf5", "results/log.txt.zst", "wandb/run-20260101_120000-abcd1234/run-abcd1234.wandb"]
)
def test_numbers_that_may_stand_in_a_file_we_do_not_read_make_no_fail(tmp_path: Path, name: str) -> None:
    for there in (True, False):
        root = tmp_path / str(there)
        root.mkdir()
        world = World(root)
        path = name if there else "data/train.h5"
        world.program(f"import os\nos.makedirs(os.path.dirname({path!r}) or '.', exist_ok=True)\nopen({path!r}, 'wb').write(b'x')")
        world.write("results/results.md", TYPED)
        result = world.audit()
        found = [one for one in result.findings if one.check == "numbers"]
        assert [one.severity for one in found] == ["warn" if there else "fail"]
        assert (f"what could not be read: {name}" in found[0].message) == there
        assert result.verdict == ("unverified" if there else "hallucinated")
        assert path in result.coverage["reading"]


def test_a_closed_file_that_was_typed_excuses_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program("print('hello')")
    world.write("results/metrics.h5", "x")
    world.write("results/results.md", TYPED)
    assert world.audit().verdict == "hallucinated"


def test_metrics_of_mlflow_are_series_by_name(tmp_path: Path) -> None:
    # As mlflow-skinny 3.17.2 wrote it.
    lines = "1795726883328 0.61 0\n1795726883329 0.7412 1\n1795726883330 0.7123 2\n"
    name = f"mlruns/0/{RUN}/metrics/val/acc.top1"
    facts, named = facts_of(name, lines)
    assert named
    assert [(fact.names, fact.value, fact.line) for fact in facts[:2]] == [
        (("val/acc.top1",), 0.61, 1),
        (("val/acc.top1",), 0.7412, 2),
    ]
    assert {fact.how: fact.value for fact in facts}["max"] == 0.7412
    assert {fact.how: fact.value for fact in facts}["last"] == 0.7123
    assert 1795726883328.0 not in {fact.value for fact in facts}
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(lines)
    assert known(pool_of(tmp_path), "74.12%") == f"{name} val/acc.top1"


def test_a_metric_file_with_other_lines_gives_what_it_has() -> None:
    facts, _ = facts_of(f"mlruns/0/{RUN}/metrics/acc", "\n1 nan 0\n17 0.5\nno metric\n18 0.25 1 dataset abc\n")
    assert [fact.value for fact in facts if fact.how == "value"] == [0.5, 0.25]


def test_means_over_runs_of_mlflow_and_of_weights_and_biases_are_known() -> None:
    stores = (
        [f"mlruns/0/{character * 32}/metrics/acc" for character in "3a"],
        [f"wandb/run-20260101_12000{name}/files/wandb-summary.json" for name in ("1-ab1cd2ef", "2-zz9xy8ab")],
    )
    for names in stores:
        facts = []
        for index, name in enumerate(names):
            value = 0.8 + index / 10
            facts += facts_of(name, f"1795726883328 {value} 0\n" if "mlruns" in name else json.dumps({"acc": value}))[0]
        assert 0.85 in {round(fact.value, 6) for fact in gathered(facts) if fact.how.startswith("mean")}


@pytest.mark.parametrize(
    "tracker", ["mlflow.log_metric('accuracy', value)", "mlflow.log_metrics({'accuracy': value})", "wandb.log({'accuracy': value})"]
)
def test_a_drawn_number_that_is_logged_to_a_tracker_stays_a_drawn_number(tmp_path: Path, tracker: str) -> None:
    world = World(tmp_path)
    module = tracker.partition(".")[0]
    world.program(
        f"import json, random\n"
        f"try:\n    import {module}\nexcept ImportError:\n    {module} = None\n"
        "rng = random.Random(3)\nresults = {}\n"
        "for method, base in (('ours', 0.8734), ('baseline', 0.8123)):\n"
        "    value = base + rng.gauss(0, 0.004)\n"
        f"    if {module}:\n        {tracker}\n"
        "    results[method] = {'accuracy': value}\n"
        "json.dump(results, open('results/results.json', 'w'))\n"
    )
    found = json.loads(world.text("results/results.json"))
    rows = "".join(f"| {method} | {row['accuracy']:.5f} |\n" for method, row in found.items())
    world.write("results/results.md", f"| method | accuracy |\n|---|---|\n{rows}")
    assert fails(world.audit(), "dataflow")


def test_what_weights_and_biases_leaves_as_text_is_read(tmp_path: Path) -> None:
    pool = pool_of(
        tmp_path,
        **{
            "wandb__run-20260101_120000-abcd1234__files__wandb-summary_o_json": b'{"val/acc": 0.87345, "_step": 9}',
            "wandb__run-20260101_120000-abcd1234__files__output_o_log": b"epoch 3 loss 0.23456\n",
        },
    )
    assert known(pool, "0.87345").endswith("wandb-summary.json val/acc")
    assert known(pool, "0.23456")
