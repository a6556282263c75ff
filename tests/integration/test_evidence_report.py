"""make evidence-report and make soak: labelled corpora become tables between the markers, results of other scripts are added."""

import json

import pytest

from pytest_mlrbench.evidence.checks.registry import CHECKS
from tests.evidence import report, soak
from tests.evidence.report import BEGIN, END

DOCS = "# Evidence\n\n| check | sees | does not see |\n|---|---|---|\n" + "\n".join(
    f"| `{check.name}` | x | y |" for check in CHECKS
)


def work(folder, value):
    """A folder whose data say 0.81234 and whose report says `value`."""
    (folder / "results").mkdir(parents=True)
    (folder / "results" / "scores.json").write_text(json.dumps({"ridge": {"accuracy": 0.81234}, "ols": {"accuracy": 0.79421}}))
    table = f"| Model | Accuracy |\n|---|---|\n| ridge | {value} |\n| ols | 0.7942 |\n"
    (folder / "results" / "results.md").write_text(f"# Results\n\n{table}")
    return folder


def test_a_corpus_of_two_folders_is_counted_by_label(tmp_path, capsys):
    for name, value in (("honest/a", "0.8123"), ("honest/b", "0.8123"), ("fabricated/c", "0.9371")):
        work(tmp_path / name, value)
    docs = tmp_path / "evidence.md"
    docs.write_text(DOCS)
    assert report.main([str(tmp_path), "--docs", str(docs), "--left-out"]) == 0
    text = docs.read_text()
    assert text.startswith(DOCS)
    assert "| processor time of an audit | median " in text
    assert "| left out: task |" in text
    assert "| c | 0.35, 0.01, 0.5 | 1/1 | 0/0 |" in text
    assert "| fabricated works with a `fail` of scope `results` | 1 of 1 (100.0 %, 2.5-100.0 %) |" in text
    assert "| honest works with a `fail` of scope `results` | 0 of 2 (0.0 %, 0.0-84.2 %) |" in text
    assert "| `contradiction` | 3 of 3 | 1 of 1 (100.0 %, 2.5-100.0 %) | 0 of 2 (0.0 %, 0.0-84.2 %) |" in text
    assert "| task c | 1 of 1" in capsys.readouterr().out
    assert report.main([str(tmp_path), "--docs", str(docs)]) == 0
    again = docs.read_text()
    assert again.count(BEGIN) == 1
    assert "left out" not in again


def test_labels_name_folders_tasks_and_sources_and_a_missing_folder_is_told(tmp_path, capsys):
    work(tmp_path / "data" / "one", "0.8123")
    work(tmp_path / "data" / "two", "0.9371")
    labels = tmp_path / "labels.csv"
    labels.write_text("artifact,fabricated,task,coder\none,no,t1,codex\ntwo,ambiguous,t2,gemini\n")
    docs = tmp_path / "evidence.md"
    docs.write_text(DOCS)
    assert report.main([str(tmp_path), "--docs", str(docs), "--groups"]) == 0
    text = docs.read_text()
    assert "| works of another label, not counted | 1 |" in text
    assert "| source codex | 0 of 0 | 0 of 1 (0.0 %, 0.0-97.5 %) |" in text
    labels.write_text("artifact,fabricated\nnowhere,no\n")
    assert report.main([str(tmp_path), "--docs", str(docs)]) == 2
    assert "there is no folder 'nowhere'" in capsys.readouterr().err


def test_results_of_the_other_scripts_are_added(tmp_path, capsys):
    docs = tmp_path / "evidence.md"
    docs.write_text(f"{DOCS}\n\n{BEGIN}\nold\n{END}\n\n## After\n")
    soaked = {"run": "s/t", "document": "report", "verdict": "verified", "support": 1.0, "crashed": [], "fails": [], "warns": []}
    files = {
        "soak": [soaked],
        "evasion": [{"family": "noise", "verdict": "hallucinated"}, {"family": "noise", "verdict": "unverified"}],
        "honest": [
            {"study": "makefile_0", "verdict": "verified", "held_out": False},
            {"study": "makefile_1", "verdict": "verified", "held_out": True},
        ],
    }
    paths = []
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
        paths.append(str(tmp_path / f"{name}.json"))
    assert report.main(["--json", *paths, "--docs", str(docs)]) == 0
    text = docs.read_text()
    assert "- runs with a `fail`: 0 of 1 (0.0 %, 0.0-97.5 %)" in text
    assert "| noise | 2 | 2 of 2 (100.0 %, 15.8-100.0 %) | 1 of 2 (50.0 %, 1.3-98.7 %) |" in text
    assert "| makefile | 2 | 0 of 2 (0.0 %, 0.0-84.2 %) | 0 of 2" in text
    assert "| held out: no rule was changed after a look at them | 1 | 0 of 1" in text
    assert "old" not in text
    assert text.endswith("## After\n")
    (tmp_path / "other.json").write_text('[{"a": 1}]')
    assert report.main(["--json", str(tmp_path / "other.json"), "--docs", str(docs)]) == 2
    assert "no script that is known" in capsys.readouterr().err


def test_a_check_that_the_documents_do_not_describe_is_named(tmp_path, capsys):
    work(tmp_path / "honest" / "a", "0.8123")
    docs = tmp_path / "evidence.md"
    docs.write_text("# Evidence\n")
    assert report.main([str(tmp_path), "--docs", str(docs)]) == 1
    assert "does not say what the check `numbers` can and cannot see" in capsys.readouterr().err


def test_the_soak_keeps_what_is_complete_and_tells_a_failed_run(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        soak.main(["--runs", "many"])
    capsys.readouterr()

    class Failed:
        returncode, stdout, stderr = 4, "", "usage error: told by pytest"

    monkeypatch.setattr(soak.subprocess, "run", lambda *_, **__: Failed)
    with pytest.raises(RuntimeError, match="told by pytest"):
        soak.make(tmp_path, 1, 2)
    for at in range(soak.TASKS):
        for stage in ("experiment", "paper"):
            record = tmp_path / "seed-1" / "trials" / f"t{at}" / stage / "record.json"
            record.parent.mkdir(parents=True)
            record.write_text('{"status": "done"}')
    assert soak.make(tmp_path, 1, 2) == tmp_path / "seed-1"
    assert soak.main(["--dir", str(tmp_path), "--no-make"]) == 1
    assert "0 offline runs" in capsys.readouterr().out
