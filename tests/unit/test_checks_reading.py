"""What the checks read: numbers with their precision, Markdown tables, shell commands, data files, ids and keys."""

import json
from datetime import date
from pathlib import Path

import pytest

from pytest_mlrbench.evidence.checks import audit, subject_of_trial
from pytest_mlrbench.evidence.checks.citations import id_problem
from pytest_mlrbench.evidence.checks.claims import MISSING, resolve
from pytest_mlrbench.evidence.checks.data import facts_of
from pytest_mlrbench.evidence.checks.documents import Document
from pytest_mlrbench.evidence.checks.quantities import agree, numbers_in
from pytest_mlrbench.evidence.checks.shell import read_command, same_file
from pytest_mlrbench.evidence.checks.sources import Pool, tail

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.85 ± 0.02", [0.85, 0.02]),
        ("-0.031 and −0.5", [-0.031, -0.5]),
        ("91.25%", [91.25]),
        ("1,797 samples", [1797]),
        ("3.2e-4 or $1.5 \\times 10^{-3}$", [3.2e-4, 1.5e-3]),
        ("range 0.5-0.7", [0.5, 0.7]),
        ("at 2026-11-23 12:30:05.123 loss 0.25", [0.25]),
        ("v1.2.3 model_7b f1", []),
        ("(0.913)", [0.913]),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, values: list[float]) -> None:
    assert [number.value for number in numbers_in(text)] == pytest.approx(values)


@pytest.mark.parametrize(
    ("text", "telling"),
    [("0.85", True), ("91.3", True), ("0.5", False), ("1797", False), ("1.00", False), ("0.001", False), ("1.5e-3", True)],
)
def test_only_precise_numbers_are_telling(text: str, telling: bool) -> None:
    assert numbers_in(text)[0].telling is telling


@pytest.mark.parametrize(
    ("claim", "value", "same"),
    [("0.91", 0.9149, True), ("0.91", 0.9151, False), ("91.5%", 0.9149, True), ("91.5", 0.9149, True), ("0.9149", 0.91, False)],
)
def test_a_claim_agrees_with_what_rounds_to_it(claim: str, value: float, same: bool) -> None:
    assert agree(numbers_in(claim)[0], value) is same


def test_claims_leave_out_code_links_references_and_numbering() -> None:
    text = "\n".join(
        [
            "# 2.14 Results",
            "See Table 3.12 and [7.25](x) and `0.111` at https://a.b/0.222.",
            "```",
            "lr: 0.333",
            "```",
            "It is 0.444.",
            "## References",
            "[1] Somebody. 0.555.",
        ]
    )
    assert [claim.number.text for claim in Document("r.md", text, "results").claims] == ["0.444"]


def test_headline_numbers_are_those_of_tables_abstract_and_conclusion() -> None:
    text = "# T\n## Abstract\n0.111\n## Method\n0.222\n\n| a | b |\n|---|---|\n| x | 0.333 |\n\n## 6. Conclusions\n0.444\n"
    claims = Document("p.md", text, "paper").claims
    assert [(claim.number.text, claim.headline, claim.line) for claim in claims] == [
        ("0.111", True, 3),
        ("0.222", False, 5),
        ("0.333", True, 9),
        ("0.444", True, 12),
    ]


@pytest.mark.parametrize(
    ("command", "typed", "programs"),
    [
        ("cat > a.md <<'EOF'\nx 0.5\nEOF", {"a.md"}, 0),
        ("cd code && cat > b.py <<'EOF'\nprint(1)\nEOF\npython b.py", {"code/b.py"}, 1),
        ("echo 1 >> log.txt; printf 2 > two.txt", {"log.txt", "two.txt"}, 0),
        ("cat <<EOF | tee r.md\nx\nEOF", {"r.md"}, 0),
        ("bash -c 'echo 1 > y.txt'", {"y.txt"}, 0),
        ("bash <<'EOF'\necho 1 > w.txt\nEOF", {"w.txt"}, 0),
        ("timeout -k 5 60 env A=1 python run.py > out.txt 2>&1", set(), 1),
        ("python - <<'PY'\nprint(1)\nPY", set(), 1),
        ("for i in 1 2; do python run.py $i | tee log_$i.txt; done", set(), 1),
        ("./train.sh --x", set(), 1),
        ("ls -la && cat results.md | head -5 && pip install numpy", set(), 0),
        ("python -m pip install numpy && python --version", set(), 0),
        ("cat > a.md <<'EOF' && python r.py\nabc\nEOF", {"a.md"}, 1),
        ("echo $(python run.py) > a.txt", set(), 1),
        ("cat > a.md <<EOF; python r.py\nabc\nEOF", {"a.md"}, 1),
        ("cat > a.md <<'EOF' || python r.py | tee y.txt\nabc\nEOF", {"a.md"}, 1),
        ("eval 'python x.py'", set(), 1),
        ("source ./run.sh", set(), 1),
        ("source .venv/bin/activate && python x.py", set(), 1),
        ("((((", set(), 0),
    ],
)
def test_a_command_is_read_for_what_it_types_and_runs(command: str, typed: set[str], programs: int) -> None:
    reading = read_command(command)
    assert (set(reading.typed), len(reading.programs)) == (typed, programs)


def test_a_command_nested_thousands_deep_is_read() -> None:
    read_command("(" * 5000 + "echo 1 > a" + ")" * 5000)


@pytest.mark.parametrize(
    ("target", "changed", "same"),
    [("/workspace/results/a.md", "results/a.md", True), ("../results/a.md", "results/a.md", True), ("b.md", "ab.md", False)],
)
def test_paths_of_commands_are_matched_with_paths_of_the_workspace(target: str, changed: str, same: bool) -> None:
    assert same_file(target, changed) is same


def has(name: str, text: str, value: float, how: str, *names: str) -> bool:
    facts, _ = facts_of(name, text)
    return any(fact.value == pytest.approx(value) and fact.how == how and set(names) <= set(fact.names) for fact in facts)


def test_json_gives_values_and_statistics_of_lists_records_and_siblings() -> None:
    text = json.dumps(
        {
            "svm": {"acc": [0.5, 0.7]},
            "runs": [{"method": "knn", "seed": 0, "f1": 0.2}, {"method": "knn", "seed": 1, "f1": 0.4}],
            "folds": {"0": {"auc": 0.6}, "1": {"auc": 0.8}},
        }
    )
    assert has("r.json", text, 0.6, "mean", "svm", "acc")
    assert has("r.json", text, 0.1, "population sd", "svm", "acc")
    assert has("r.json", text, 0.3, "mean", "runs", "knn", "f1")
    assert has("r.json", text, 0.7, "mean", "folds", "auc")
    assert has("r.json", text, 0.2, "value", "knn", "f1")


def test_csv_rows_are_grouped_by_each_label() -> None:
    text = "method,noise,seed,acc\n" + "".join(
        f"{m},{n},{s},{v}\n" for m, n, s, v in [("a", 0.1, 0, 0.5), ("a", 0.1, 1, 0.6), ("b", 0.1, 0, 0.9), ("b", 0.1, 1, 1.0)]
    )
    assert has("r.csv", text, 0.55, "mean", "a", "acc")
    assert has("r.csv", text, 0.95, "mean", "b", "acc")
    assert has("r.csv", text, 0.7, "mean", "0", "acc")


@pytest.mark.parametrize("text", ["{broken", "", "[" * 100_000, "NaN", '{"a": 1e999}', "\x00\x01"])
def test_data_that_cannot_be_read_raises_nothing(text: str) -> None:
    for name in ("a.json", "a.csv", "a.jsonl", "a.md", "a.ipynb"):
        facts_of(name, text)


def test_the_chance_of_a_find_grows_with_the_density_of_the_pool() -> None:
    sparse, dense = Pool(), Pool()
    sparse.add(facts_of("a.json", json.dumps([0.5123, 0.8123]))[0])
    dense.add(facts_of("a.txt", "\n".join(f"{i / 1000:.3f}" for i in range(1000)))[0])
    two, four = numbers_in("0.51")[0], numbers_in("0.5123")[0]
    assert sparse.chance(four) < 0.05
    assert dense.chance(two) == 1.0
    assert dense.chance(four) < 0.2


def test_the_binomial_tail_is_exact() -> None:
    # 1 - (1 - 0.5)^2 = 0.75
    assert tail(1, 2, 0.5) == pytest.approx(0.75)
    assert tail(0, 5, 0.3) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arxiv_id", "problem"),
    [
        ("2305.12345", ""),
        ("1412.0001", ""),
        ("0704.0001", ""),
        ("2611.00001", ""),
        ("2413.01234", "no month 13"),
        ("2400.01234", "no month 00"),
        ("0703.0001", "begin with 0704"),
        ("2305.1234", "5 digits"),
        ("1412.00012", "4 digits"),
        ("2612.00001", "future"),
        ("2305.00000", "begin with 1"),
    ],
)
def test_arxiv_ids_are_impossible_for_a_reason(arxiv_id: str, problem: str) -> None:
    found = id_problem(arxiv_id, TODAY)
    assert problem in found if problem else found == ""


def test_an_id_of_the_coming_month_is_possible_on_the_last_day() -> None:
    assert id_problem("2612.00001", date(2026, 11, 30)) == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a.b[1]", 2),
        ("a/b/0", 1),
        ('a["b"][1]', 2),
        ("x.y", 3),
        ("a.z", MISSING),
        ("a.b[9]", MISSING),
        ("", {"a": {"b": [1, 2]}, "x.y": 3}),
    ],
)
def test_keys_of_claims_resolve(key: str, value: object) -> None:
    assert resolve({"a": {"b": [1, 2]}, "x.y": 3}, key) == value


def citation_messages(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    (tmp_path / "proposal.md").write_text(text)
    return [(f.severity, f.message) for f in audit(subject_of_trial("proposal", tmp_path, tmp_path, {}, TODAY)).findings]


def test_keys_cited_but_not_listed_and_the_reverse_are_named(tmp_path: Path) -> None:
    found = citation_messages(tmp_path, "As in [1] and [2, 4].\n\n## References\n\n[1] A.\n[2] B.\n[3] C.\n")
    assert [severity for severity, _ in found] == ["warn", "info"]
    assert "[4] is cited" in found[0][1]
    assert found[1][1].endswith("never cited: 3")


def test_malformed_dois_and_placeholder_authors_are_warnings(tmp_path: Path) -> None:
    found = citation_messages(
        tmp_path, "## References\n\n1. First Author. T. doi:11.5555/x\n2. A. Turing. doi: 10.1093/mind/LIX.236.433\n"
    )
    assert [severity for severity, _ in found] == ["warn", "warn"]


def test_intervals_in_mathematics_are_no_citations(tmp_path: Path) -> None:
    assert citation_messages(tmp_path, "Scores lie in $[0, 9]$ [1].\n\n## References\n\n[1] A. Turing.\n") == []
