"""The table of bad inputs: every line is there, and every test that it names."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CODES = {"0", "1", "2", "3", "4", "130"}

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (TESTS / "bad_inputs.md").read_text("utf-8").splitlines()
    if re.match(r"\| \d+ \|", line)
]
# line, file, function and perhaps a case, by the text that its id is made of
NAMED = [
    pytest.param(int(row[0]), *match.groups(), id=f"{row[0]} {match[2]} {match[3] or ''}")
    for row in ROWS
    for match in re.finditer(r"`([\w/]+\.py)::(\w+)(?:\[(.+?)\])?`", row[-1])
]


@cache
def _parsed(path: Path) -> tuple[set[str], set[str]]:
    """Names of functions and classes in a file, and all its text constants."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    names = {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return names, {n.value for n in nodes if isinstance(n, ast.Constant) and type(n.value) is str}


def test_every_line_is_there_once():
    assert [int(row[0]) for row in ROWS] == list(range(1, 74))
    assert all(len(row) == 5 and row[1] and row[3] for row in ROWS)
    assert {word for row in ROWS for word in re.findall(r"\d+", row[2])} <= CODES
    assert {line.values[0] for line in NAMED} == set(range(1, 74))
    assert len(NAMED) == sum(row[-1].count("::") for row in ROWS)


@pytest.mark.parametrize(("line", "file", "function", "case"), NAMED)
def test_every_test_is_there(line, file, function, case):
    names, constants = _parsed(TESTS / file)
    assert function in names
    if case is not None:
        assert case in constants
        assert not case.startswith("line-") or case.startswith(f"line-{line:02}")


def test_every_test_that_names_a_line_is_in_its_row():
    missing = set()
    rows = {int(row[0]): row[-1] for row in ROWS}
    for path in TESTS.rglob("test_*.py"):
        names, constants = _parsed(path)
        found = {m[1] for name in names if (m := re.match(r"test_line_(\d\d)_", name))}
        found |= {m[1] for text in constants if (m := re.match(r"line-(\d\d)\b", text))}
        file = path.relative_to(TESTS).as_posix()
        missing |= {(int(line), file) for line in found if file not in rows[int(line)]}
    assert not missing
