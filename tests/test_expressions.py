import math
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.errors import ProfileError
from gpu_metrics.expressions import MAX_DEPTH, MAX_LENGTH, Expression


class Strict(float):
    """Python's own float, except that every step must stay real and finite."""

    def __add__(self, other):
        return strict(float(self) + float(other))

    def __sub__(self, other):
        return strict(float(self) - float(other))

    def __mul__(self, other):
        return strict(float(self) * float(other))

    def __truediv__(self, other):
        return strict(float(self) / float(other))

    def __pow__(self, other):
        return strict(float(self) ** float(other))

    def __neg__(self):
        return strict(-float(self))


def strict(value):
    if isinstance(value, complex) or not math.isfinite(value):
        raise ArithmeticError(value)
    return Strict(value)


def clip(x, low, high):
    if low > high:
        raise ArithmeticError((low, high))
    return min(max(x, low), high)


PYTHON = {
    "__builtins__": {},
    "F": strict,
    "clip": clip,
    "min": min,
    "max": max,
    "exp": lambda x: strict(math.exp(x)),
    "log": lambda x: strict(math.log(x)),
    "sqrt": lambda x: strict(math.sqrt(x)),
}


def python(text, values):
    """The value that Python gives, or None where a step of it is undefined."""
    wrapped = re.sub(r"\d+\.\d+(?:e-?\d+)?|\d+e-?\d+", r"F(\g<0>)", text)
    try:
        return float(eval(wrapped, PYTHON, {name: Strict(v) for name, v in values.items()}))
    except (ArithmeticError, ValueError):
        return None


def _combined(part):
    pair = st.tuples(part, part)
    return st.one_of(
        *(pair.map(f"({{0[0]}} {op} {{0[1]}})".format) for op in ["+", "-", "*", "/", "**"]),
        *(pair.map(f"{name}({{0[0]}}, {{0[1]}})".format) for name in ["min", "max"]),
        *(part.map(f"{name}({{}})".format) for name in ["exp", "log", "sqrt"]),
        st.tuples(part, part, part).map("clip({0[0]}, {0[1]}, {0[2]})".format),
        part.map("-{}".format),
    )


numbers = st.floats(0, 100, allow_subnormal=False).map(repr)
arithmetic = st.recursive(st.sampled_from(["a", "b"]) | numbers, _combined, max_leaves=12)
floats = st.floats(-10, 10)


@given(arithmetic, floats, floats)
def test_agrees_with_python_and_raises_where_a_step_is_undefined(text, a, b):
    values = {"a": a, "b": b}
    expected = python(text, values)
    expression = Expression.parse(text)

    if expected is None:
        with pytest.raises(ProfileError, match="has no value"):
            expression.evaluate(values)
    else:
        assert expression.evaluate(values) == expected


@given(st.text(max_size=60) | st.text("()+-*/.,abe019 _:'[]{}=<>!%@", max_size=60))
def test_any_text_parses_or_raises_a_profile_error(text):
    try:
        Expression.parse(text)
    except ProfileError:
        pass


HOSTILE = [
    ("__import__('os')", "unexpected"),
    ("__import__(os)", "unknown function '__import__'; available: clip, min, max, exp, log, sqrt"),
    ("a.__class__", "unexpected"),
    ("a . b", "unexpected '.'"),
    ("a[0]", "unexpected"),
    ("'text'", "unexpected"),
    ("lambda: 1", "unexpected"),
    ("lambda", "invalid syntax"),
    ("a if b else c", "'a if b else c' is not allowed"),
    ("a and b", "is not allowed"),
    ("not a", "is not allowed"),
    ("a < b", "unexpected"),
    ("a == b", "unexpected"),
    ("a := 1", "unexpected"),
    ("a, b", "is not allowed"),
    ("a // b", "is not allowed"),
    ("a % b", "unexpected"),
    ("(yield)", "invalid syntax|is not allowed"),
    ("await a", "is not allowed"),
    ("True", "is not allowed"),
    ("None", "is not allowed"),
    ("1j", "unexpected"),
    ("0x10", "unexpected"),
    ("1_000", "unexpected"),
    ("1if 2else 3", "unexpected"),
    ("1e999", "does not fit double precision"),
    ("9" * 400, "does not fit double precision"),
    ("min(*a)", "min takes at least 2"),
    ("min(a, *b)", "is not allowed"),
    ("max(a, **b)", "is not allowed"),
    ("clip(a, lo=0)", "unexpected"),
    ("clip(a, 0)", "clip takes 3 values, got 2"),
    ("exp(a, b)", "exp takes 1 values?, got 2"),
    ("exp", r"exp is a function; call it: exp\(\.\.\.\)"),
    ("exp(a)(b)", "is not allowed"),
    ("total(a)", "unknown function 'total'"),
    ("a b", "invalid syntax"),
    ("(a", "never closed"),
    ("а + b", "unexpected"),
    ("a\x00", "unexpected"),
    ("a # b", "unexpected"),
    ("", "got nothing"),
    (" \n ", "got nothing"),
]


@pytest.mark.parametrize(("text", "message"), HOSTILE, ids=[repr(t)[:25] for t, _ in HOSTILE])
def test_refuses(text, message):
    with pytest.raises(ProfileError, match=f"^profile.toml, total: .*(?:{message})"):
        Expression.parse(text, where="profile.toml, total")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 150 + "a" + ")" * 150,
        "(" * 900 + "a" + ")" * 900,
        "-" * 1_900 + "a",
        "exp(" * 300 + "a" + ")" * 300,
        "**".join("a" * 600),
        "+".join("a" * 600),
    ],
    ids=["parentheses", "many-parentheses", "minus", "calls", "powers", "sum"],
)
def test_deep_nesting_is_refused_or_harmless(text):
    try:
        assert Expression.parse(text).evaluate({"a": 1.0}) == 1.0
    except ProfileError as error:
        assert re.search("nested|parentheses", str(error))


def test_nesting_up_to_the_limit_works():
    text = "+".join(["a"] * MAX_DEPTH)
    assert Expression.parse(text).evaluate({"a": 1.0}) == MAX_DEPTH
    with pytest.raises(ProfileError, match=f"more than {MAX_DEPTH} levels"):
        Expression.parse(f"{text}+a")
    with pytest.raises(ProfileError, match=f"more than {MAX_DEPTH} levels"):
        Expression.parse("sqrt(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH)


def test_length_has_a_limit():
    text = "a" * MAX_LENGTH
    assert Expression.parse(text).names == (text,)
    with pytest.raises(ProfileError, match=f"at most {MAX_LENGTH}"):
        Expression.parse(f"{text}a")


@pytest.mark.parametrize("text", ["9**9**9", "9**9**9**9**9", "(9**99)**(9**99)"])
def test_huge_powers_overflow_at_once(text):
    with pytest.raises(ProfileError, match="overflows"):
        Expression.parse(text).evaluate({})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / a", "has no value where a = 0: division by zero in '1 / a'"),
        ("log(a)", r"'log\(a\)' is undefined for 0"),
        ("a ** -1", "is undefined for 0, -1"),
        ("(a - 8) ** 0.5", "is undefined for -8, 0.5"),
        ("sqrt(a - 1)", "is undefined for -1"),
        ("exp(1000 + a)", "overflows"),
        ("1e308 * 10 + a", r"'1e\+308 \* 10' overflows"),
        ("1 / (1e308 * 10) + a", "overflows"),
        ("clip(a, 2, 1)", "is undefined for 0, 2, 1"),
    ],
)
def test_undefined_values_name_expression_and_cause(text, message):
    expression = Expression.parse(text, where="profile.toml, total")
    with pytest.raises(ProfileError, match=f"^profile.toml, total: .*{message}"):
        expression.evaluate({"a": 0.0})


def test_names_come_in_order_of_first_use():
    assert Expression.parse("b * exp(a) + max(b, c) - exp(1)").names == ("b", "a", "c")


def test_missing_and_non_finite_values_are_refused():
    expression = Expression.parse("a + b")
    with pytest.raises(ProfileError, match="needs a value for 'b'"):
        expression.evaluate({"a": 1.0})
    with pytest.raises(ProfileError, match="b must be a finite number, got nan"):
        expression.evaluate({"a": 1.0, "b": math.nan})


def test_whole_numbers_are_computed_as_floats():
    # as whole numbers this would be 1
    assert Expression.parse("2 ** 200 + 1 - 2 ** 200").evaluate({}) == 0.0
    assert isinstance(Expression.parse("3 + 4").evaluate({}), float)


def test_line_breaks_are_spaces():
    assert Expression.parse("\n  a\n  + b\n").text == "a + b"


def test_survives_pickling():
    expression = pickle.loads(pickle.dumps(Expression.parse("a ** 2", where="f.toml")))
    assert (expression.evaluate({"a": 3.0}), expression.where) == (9.0, "f.toml")
