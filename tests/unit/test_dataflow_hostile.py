"""The reading of code that is hostile, broken or endless: it ends, names what it could not read, and raises nothing."""

import pytest

from pytest_mlrbench.evidence.checks.dataflow.interpreter import MAX_STEPS, Interpreter, Program

PROGRAMS = {
    "doubling text": (
        "x = 'ab'\nfor i in range(12):\n    for j in range(12):\n        x = x.replace('a', 'aaaa')\n        y = f'{x}{x}'\n"
    ),
    "large powers": "x = 9 ** 9 ** 9\ny = pow(9, 9 ** 9)\nz = 10 ** 60 * 10 ** 60\nw = 'a' * 10 ** 10\nv = [0] * 10 ** 10\n",
    "endless": "while True:\n    x = [x for x in range(10 ** 9)]\n",
    "recursion": "def f(n):\n    return f(n + 1) + f(n + 2)\nf(0)\n",
    "mutual recursion": "def f(n):\n    return [g(n) for _ in range(9)]\ndef g(n):\n    return [f(n) for _ in range(9)]\nf(0)\n",
    "nested": "x = " + "(" * 150 + "1" + ")" * 150 + "\n",
    "deep": "x = " + "-" * 5000 + "1\n",
    "long sum": "x = " + " + ".join(["1.5"] * 3000) + "\n",
    "self reference": (
        "a = []\na.append(a)\nd = {}\nd['d'] = d\nprint(a, d)\nmean = sum(a)\nfor x in a:\n    for y in x:\n        print(y)\n"
    ),
    "strange classes": (
        "class A(A if False else object):\n    __getattr__ = lambda s, n: s\nA().x.y()()[1:2:3]\n*a, b = A()\ndel a\n"
    ),
    "match": (
        "match 3:\n    case [x, *y] if x:\n        z = 1\n    case {'a': q, **r}:\n        z = 2\n    case _:\n        z = 3\n"
    ),
    "async": (
        "import asyncio\nasync def f():\n    async with g() as h:\n        async for i in h:\n"
        "            yield await i\nasyncio.run(f())\n"
    ),
    "bomb": "import zlib, base64\nexec(zlib.decompress(b'x'))\nexec(base64.b64decode('####'))\n__import__('os')._exit(1)\n",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_hostile_code_is_read_to_an_end(name: str) -> None:
    reader = Interpreter(Program(lambda _name, _file: None))
    reader.run("x.py", PROGRAMS[name])
    assert reader.steps <= MAX_STEPS + 1


@pytest.mark.parametrize("text", ["def f(:\n", "\0", "x" * (2 << 20), "\x00print(1)"])
def test_what_is_no_program_is_named(text: str) -> None:
    reader = Interpreter(Program(lambda _name, _file: None))
    reader.run("x.py", text)
    assert [file for file, _, _ in reader.unread] == ["x.py"]


def test_modules_that_import_each_other_are_read_once() -> None:
    files = {"a": ("a.py", "import b\nx = b.y\n"), "b": ("b.py", "import a\ny = 3.25\nresults = {'acc': y}\n")}
    reader = Interpreter(Program(lambda name, _file: files.get(name)))
    reader.run("x.py", "import a\n")
    assert [sink.names for sink in reader.sinks] == [("acc",)]
