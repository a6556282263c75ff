"""Where numbers come from: arrays, YAML, TOML, notebooks, files of several seeds, units; and what hostile files may not do."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from evidence_worlds import TODAY, World, fails

from pytest_mlrbench.evidence.checks import audit, subject_of_folder
from pytest_mlrbench.evidence.checks.arrays import Unreadable
from pytest_mlrbench.evidence.checks.case import Case
from pytest_mlrbench.evidence.checks.data import Fact, array_facts, facts_of
from pytest_mlrbench.evidence.checks.gathered import gathered
from pytest_mlrbench.evidence.checks.quantities import numbers_in
from pytest_mlrbench.evidence.checks.sources import Pool


def npy(array: np.ndarray, **how: bool) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **how)
    return stream.getvalue()


def values(facts: list[Fact], how: str = "value") -> list[float]:
    return [round(fact.value, 6) for fact in facts if fact.how == how]


def test_an_array_gives_its_numbers_and_the_statistics_of_rows_and_columns() -> None:
    facts = list(array_facts("a.npy", npy(np.array([[0.25, 0.75], [0.5, 1.0]]))))
    assert values(facts)[:4] == [0.25, 0.75, 0.5, 1.0]
    assert values(facts, "mean") == [0.625, 0.5, 0.75, 0.375, 0.875]


def test_an_archive_names_its_arrays() -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, acc=np.array([0.91, 0.93]), loss=np.float32(0.25))
    facts = list(array_facts("m.npz", stream.getvalue()))
    assert {(fact.names, fact.how): round(fact.value, 6) for fact in facts}[(("acc",), "mean")] == 0.92
    assert (("loss",), 0.25) in {(fact.names, fact.value) for fact in facts}


def test_of_a_data_set_only_the_statistics_count() -> None:
    facts = list(array_facts("x.npy", npy(np.random.default_rng(0).normal(size=50_000))))
    assert not values(facts)
    assert len(values(facts, "mean")) == 1


class Harmful:
    ran = False

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (setattr, (Harmful, "ran", True))  # type: ignore[return-value]


def test_a_pickle_is_read_without_being_loaded() -> None:
    data = {"val_acc": [0.8125, 0.8431], "np": np.float64(0.7372), "bad": Harmful()}
    for content, name in ((pickle.dumps(data), "r.pkl"), (npy(np.array(data, dtype=object), allow_pickle=True), "r.npy")):
        facts = list(array_facts(name, content))
        assert {0.8125, 0.8431, 0.7372} <= {round(fact.value, 6) for fact in facts}
        assert ("val_acc",) in {fact.names for fact in facts}
    assert not Harmful.ran


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8'",
        npy(np.zeros(3))[:-8].replace(b"(3,)", b"(9,)"),
        b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }".ljust(117) + b"\n",
        b"\x80\x05garbage",
        b"PK\x03\x04garbage",
    ],
)
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.pkl", "a.parquet", "a.feather"])
def test_a_broken_file_gives_no_number_and_no_other_error(name: str, content: bytes) -> None:
    try:
        assert list(array_facts(name, content)) == []
    except Unreadable as error:
        assert str(error)  # noqa: PT017


def test_an_archive_that_unpacks_to_too_much_is_not_read() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\0" * (40 * 2**20))
    with pytest.raises(Unreadable, match="longer than"):
        list(array_facts("a.npz", stream.getvalue()))


def test_a_parquet_table_gives_its_columns(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"seed": [0, 1], "acc": [0.91, 0.93], "name": ["a", "b"]}), tmp_path / "t.parquet")
    facts = list(array_facts("t.parquet", (tmp_path / "t.parquet").read_bytes()))
    assert (("acc",), "mean", 0.92) in {(fact.names, fact.how, round(fact.value, 6)) for fact in facts}


def test_yaml_and_toml_are_documents_with_names() -> None:
    for name, text in (("m.yaml", "ridge:\n  mae: 0.4127\n"), ("m.toml", "[ridge]\nmae = 0.4127\n")):
        facts, named = facts_of(name, text)
        assert named
        assert (("ridge", "mae"), 0.4127) in {(fact.names, fact.value) for fact in facts}


def test_yaml_that_repeats_itself_without_end_comes_to_an_end() -> None:
    levels = ["a0: &a0 []"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert facts_of("bomb.yaml", "\n".join(levels))[0] == []


def test_of_a_notebook_what_was_printed_counts_and_what_was_typed_does_not() -> None:
    cell = {
        "cell_type": "code",
        "source": ["acc = 0.5551\n"],
        "outputs": [
            {"output_type": "stream", "text": ["mae 0.4127\n", "rmse 0.5519\n"]},
            {
                "data": {
                    "text/plain": "0.8129",
                    "text/html": "<table><tr><th>m</th><th>f1</th></tr><tr><td>a</td><td>0.7171</td></tr></table>",
                }
            },
        ],
    }
    facts, _ = facts_of("n.ipynb", json.dumps({"cells": [cell, {"cell_type": "markdown", "source": "0.6661"}]}))
    found = {fact.value for fact in facts}
    assert {0.4127, 0.5519, 0.8129, 0.7171} <= found
    assert not {0.5551, 0.6661} & found


@pytest.mark.parametrize("pattern", ["results/seed_{}.json", "results/run{}/metrics.json", "fold-{}-of-3.json"])
def test_means_and_spreads_over_files_are_known(pattern: str) -> None:
    facts = [
        fact
        for seed, value in enumerate((0.81, 0.84, 0.87))
        for fact in facts_of(pattern.format(seed), json.dumps({"ridge": {"acc": value}, "losses": [1.0, value]}))[0]
    ]
    found = {(fact.names, fact.how.partition(" over")[0]): round(fact.value, 6) for fact in gathered(facts)}
    assert found[(("ridge", "acc"), "mean")] == 0.84
    assert found[(("ridge", "acc"), "sd")] == 0.03
    assert found[(("losses",), "mean of last")] == 0.84


def test_files_that_differ_in_words_are_no_group() -> None:
    facts = [fact for name in ("ridge.json", "ols.json") for fact in facts_of(name, '{"acc": 0.5}')[0]]
    assert gathered(facts) == []


def test_a_report_of_means_over_seed_files_is_traced(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(
        """\
        import json, random
        for seed in range(4):
            rng = random.Random(seed)
            errors = [abs(rng.gauss(0, 1)) for _ in range(300)]
            json.dump({"mae": sum(errors) / 300}, open(f"results/seed_{seed}.json", "w"))
        """.replace("\n        ", "\n").replace("        import", "import")
    )
    maes = [json.loads(world.text(f"results/seed_{seed}.json"))["mae"] for seed in range(4)]
    mean, sd = np.mean(maes), np.std(maes, ddof=1)
    world.write("results/results.md", f"| method | MAE |\n|---|---|\n| ours | {mean:.5f} ± {sd:.5f} |\n")
    result = world.audit()
    assert fails(result) == []
    assert result.support == 1.0


def test_a_printed_line_that_comes_back_gives_a_mean() -> None:
    text = "".join(f"seed {i}: accuracy = {value:.4f}\n" for i, value in enumerate((0.8123, 0.8345, 0.8012)))
    facts, named = facts_of("log.txt", text)
    assert not named
    assert 0.816 in values(facts, "mean")


@pytest.mark.parametrize(
    ("claim", "measured"),
    [
        ("12.53 ms", 0.012534),
        ("3.41 s", 3412.7),
        ("34.51M parameters", 34_512_345),
        ("1.25k steps", 1250),
        ("2.35 GB", 2_352_113_213),
        ("1.75 hours", 6_300),
        ("$0.913 \\pm 0.021$", 0.0211),
        ("1.53 × 10⁻³", 0.001528),
        ("1.53e-3", 0.001528),
    ],
)
def test_a_claim_is_found_in_the_unit_that_the_program_printed(claim: str, measured: float) -> None:
    pool = Pool()
    pool.add([Fact(measured, "m.json", ("x",), "value")])
    assert pool.source(numbers_in(claim)[-1]) is not None


@pytest.mark.parametrize(("claim", "measured"), [("12.53 minutes", 0.012534), ("34.51 mm", 34_512_345), ("0.913", 913.0)])
def test_without_such_a_unit_it_is_not(claim: str, measured: float) -> None:
    pool = Pool()
    pool.add([Fact(measured, "m.json", ("x",), "value")])
    assert pool.source(numbers_in(claim)[-1]) is None


def test_more_units_mean_more_chance() -> None:
    pool = Pool()
    pool.add([Fact(0.010 + i * 0.00001, "m.json", ("x",), "value") for i in range(900)])
    assert pool.chance(numbers_in("12.53 ms")[0]) > pool.chance(numbers_in("12.53")[0])


def test_files_that_were_not_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "broken.npz").write_bytes(b"no archive")
    (tmp_path / "results" / "results.md").write_text("| a | b |\n|---|---|\n| x | 0.9131 |\n")
    subject = subject_of_folder(tmp_path, today=TODAY)
    assert [told.partition(":")[0] for told in Case(subject).pool.unread] == ["results/broken.npz"]
    assert "results/broken.npz" in audit(subject).coverage["reading"]
