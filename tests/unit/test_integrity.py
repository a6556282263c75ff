"""Files that are not the ones the run left: found by the host's digests, whoever changed them."""

import hashlib
import json

from evidence_worlds import TODAY, World, fails, honest

from pytest_mlrbench.evidence.checks import audit, subject_of_trial


def staged(world: World) -> World:
    """The world as the engine leaves it: with the digests of its outputs in stage.json."""
    files = {
        path.relative_to(world.output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(world.output.rglob("*"))
        if path.is_file()
    }
    (world.trial / "stage.json").write_text(json.dumps({"status": "done", "files": files}))
    return world


def of(world: World) -> list:
    return [found for found in world.audit().findings if found.check == "integrity"]


def test_untouched_outputs_have_no_finding(tmp_path):
    world = staged(honest(tmp_path))
    assert of(world) == []
    assert world.audit().coverage["integrity"] == "done"


def test_a_changed_number_fails_with_both_lines(tmp_path):
    world = staged(honest(tmp_path))
    path = world.output / "results" / "results.md"
    lines = path.read_text().splitlines()
    old = lines[4]
    lines[4] = old.replace("0.", "0.9", 1)
    path.write_text("\n".join(lines) + "\n")
    (found,) = of(world)
    assert found.severity == "fail"
    here, there = found.evidence
    assert (here.file, here.line, here.quote) == ("results/results.md", 5, lines[4])
    assert there.file.startswith("evidence/versions/")
    assert (there.line, there.quote) == (5, old)
    assert "results/results.md was changed after the stage ended: line 5 now says" in found.message
    assert found.message.endswith("Restore it, or run again.")


def test_other_words_or_ends_of_lines_do_not_fail(tmp_path):
    world = staged(honest(tmp_path))
    path = world.output / "results" / "results.md"
    text = path.read_text()
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert of(world) == []
    path.write_text(text.replace("# Results", "# Outcome"))
    (found,) = of(world)
    assert found.severity == "warn"
    assert "no number is different" in found.message


def test_a_replaced_figure_fails_and_changed_code_warns(tmp_path):
    world = honest(tmp_path)
    (world.output / "results" / "curve.png").write_bytes(b"\x89PNG\r\n\x1a\n one")
    staged(world)
    (world.output / "results" / "curve.png").write_bytes(b"\x89PNG\r\n\x1a\n two")
    code = world.output / "code" / "run.py"
    code.write_text(code.read_text().replace("200", "201"))
    found = {one.evidence[0].file: one.severity for one in of(world)}
    assert found == {"results/curve.png": "fail", "code/run.py": "warn"}


def test_without_the_digests_of_the_stage_it_is_a_warning(tmp_path):
    """A process in the background may have written after the last event."""
    world = honest(tmp_path)
    with (world.output / "results" / "log.txt").open("a") as log:
        log.write("one more line 0.123\n")
    assert [found.severity for found in of(world)] == ["warn"]
    assert fails(world.audit()) == []


def test_a_changed_paper_warns_and_a_broken_record_is_no_evidence(tmp_path):
    world = staged(honest(tmp_path))
    folder = tmp_path / "paper" / "output"
    assert [one for one in world.audit("# Paper\n").findings if one.check == "integrity"] == []
    digest = hashlib.sha256(b"# Other\n").hexdigest()
    (folder.parent / "stage.json").write_text(json.dumps({"files": {"paper.md": digest}}))
    found = [one for one in world.audit("# Paper\n").findings if one.check == "integrity"]
    assert [(one.severity, one.scope, one.evidence[0].file) for one in found] == [("warn", "paper", "paper.md")]
    assert "no copy of it as it was is kept" in found[0].message
    for broken in ("[1]", '{"files": 3}', '{"files": {"../../etc/passwd": "' + digest + '"}}', "{"):
        (folder.parent / "stage.json").write_text(broken)
        assert [one for one in world.audit("# Paper\n").findings if one.check == "integrity"] == []


def test_a_folder_without_a_ledger_is_no_evidence(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "results.md").write_text("# Results\n")
    subject = subject_of_trial("experiment", tmp_path, tmp_path, {}, TODAY)
    assert audit(subject).coverage["integrity"].startswith("no evidence")
