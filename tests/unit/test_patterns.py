"""Patterns that are compiled at their first use."""

import re

import pytest

from pytest_mlrbench.patterns import lazy


def test_a_pattern_is_compiled_at_its_first_use_and_once(monkeypatch):
    compiled: list[str] = []
    compile_ = re.compile
    monkeypatch.setattr(re, "compile", lambda text, flags=0: compiled.append(text) or compile_(text, flags))
    word = lazy(r"(?P<name>[a-z]+)\d", re.IGNORECASE)
    assert word.pattern == r"(?P<name>[a-z]+)\d"
    assert compiled == []
    assert word.search("x AB1")["name"] == "AB"
    assert [match["name"] for match in word.finditer("a1 b2")] == ["a", "b"]
    assert word.sub("-", "a1 b2") == "- -"
    assert (word.match("-"), word.fullmatch("a1 ")) == (None, None)
    assert (word.findall("a1 b2"), word.split("a1 b")) == (["a", "b"], ["", "a", " b"])
    assert compiled == [word.pattern]


def test_bytes_have_patterns_too_and_a_bad_one_says_so():
    assert lazy(rb"\d+").search(b"ab12").group() == b"12"
    with pytest.raises(re.error):
        lazy("(").search("(")
