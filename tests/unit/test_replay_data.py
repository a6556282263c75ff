"""Changed copies of data files: what is permuted, shuffled, left out, and what is no data file at all."""

import io
import json

import numpy as np
import pytest

from pytest_mlrbench.replay.data import permuted, shape, shuffled, truncated

CSV = "x,label\n" + "".join(f"{i},{i % 2}\n" for i in range(10))
RECORDS = [{"text": f"t{i}", "target": i % 3} for i in range(9)]


def npz(**arrays: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


FILES = {
    "d.csv": CSV.encode(),
    "d.tsv": CSV.replace(",", "\t").encode(),
    "d.json": json.dumps(RECORDS).encode(),
    "columns.json": json.dumps({"about": "x", "x": list(range(8)), "y": [0, 1] * 4}).encode(),
    "d.jsonl": "".join(json.dumps(record) + "\n" for record in RECORDS).encode(),
    "d.npz": npz(X=np.arange(20).reshape(10, 2), y_train=np.arange(10) % 2),
}


@pytest.mark.parametrize("name", FILES)
def test_permuting_moves_the_labels_and_nothing_else(name: str):
    content = FILES[name]
    changed = permuted(name, content, 1)
    assert changed != content
    before, after = columns(name, content), columns(name, changed)
    label = shape(name, content).label  # type: ignore[union-attr]
    assert sorted(map(str, before[label])) == sorted(map(str, after[label]))
    assert {key: value for key, value in before.items() if key != label} == {
        key: value for key, value in after.items() if key != label
    }


@pytest.mark.parametrize("name", FILES)
def test_shuffling_keeps_each_columns_values(name: str):
    before, after = columns(name, FILES[name]), columns(name, shuffled(name, FILES[name], 1))
    assert before != after
    for key in before:
        assert sorted(map(str, before[key])) == sorted(map(str, after[key]))


@pytest.mark.parametrize("name", FILES)
def test_truncating_leaves_every_second_row(name: str):
    found = shape(name, FILES[name])
    assert found is not None
    after = columns(name, truncated(name, FILES[name], 1))
    assert {len(value) for value in after.values()} == {(found.rows + 1) // 2}


def columns(name: str, content: bytes) -> dict[str, list]:
    if name.endswith(".npz"):
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        return {key: loaded[key].tolist() for key in loaded.files}
    if name.endswith((".csv", ".tsv")):
        rows = [line.split("\t" if name.endswith(".tsv") else ",") for line in content.decode().splitlines()]
        return {title: [row[i] for row in rows[1:]] for i, title in enumerate(rows[0])}
    if name.endswith(".jsonl"):
        records = [json.loads(line) for line in content.decode().splitlines()]
    else:
        records = json.loads(content)
        if isinstance(records, dict):
            return {key: value for key, value in records.items() if isinstance(value, list)}
    return {key: [record[key] for record in records] for key in records[0]}


def pickled() -> bytes:
    target = io.BytesIO()
    np.savez(target, y=np.array([{"a": 1}] * 9, dtype=object))
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.npz", pickled()),
        ("d.npz", b"PK\x03\x04 no archive"),
        ("d.csv", b"a,b\n1\n2,3,4\n"),
        ("d.csv", b"\xff\xfe\x00"),
        ("d.json", b"[" * 100_000),
        ("d.json", b'{"seed": 3}'),
        ("d.jsonl", b"1\n2\n3\n4\n5\n"),
        ("d.csv", b"a,b\n1,2\n"),
        ("d.pkl", b"x" * 100),
    ],
)
def test_what_cannot_be_read_strictly_is_no_data_file(name: str, content: bytes):
    assert shape(name, content) is None


def test_a_table_without_a_header_keeps_all_rows():
    content = "".join(f"{i},{i * 2}\n" for i in range(8)).encode()
    assert shape("d.csv", content).rows == 8  # type: ignore[union-attr]
    assert truncated("d.csv", content, 1) == b"0,0\n2,4\n4,8\n6,12\n"
