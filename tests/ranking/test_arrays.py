import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gpu_metrics import expressions
from gpu_metrics.errors import ProfileError
from gpu_metrics.expressions import Expression
from gpu_metrics.profiles import load_profile, profile_names
from gpu_metrics.ranking.arrays import FUNCTIONS, evaluate


def _combined(part):
    """Steps that IEEE 754 rounds in one way only, so that both languages must agree to the bit."""
    pair = st.tuples(part, part)
    return st.one_of(
        *(pair.map(f"({{0[0]}} {op} {{0[1]}})".format) for op in "+-*/"),
        *(pair.map(f"{name}({{0[0]}}, {{0[1]}})".format) for name in ["min", "max"]),
        st.tuples(part, part, part).map("clip({0[0]}, {0[1]}, {0[2]})".format),
        part.map("sqrt({})".format),
        part.map("-{}".format),
    )


numbers = st.floats(0, 100, allow_subnormal=False).map(repr)
arithmetic = st.recursive(st.sampled_from(["a", "b"]) | numbers, _combined, max_leaves=10)
columns = arrays(np.float64, 5, elements=st.floats(-10, 10))


def pointwise(expression, values):
    """What the scalar language gives at each element, or None where it raises at any."""
    try:
        return [
            expression.evaluate({name: float(column[i]) for name, column in values.items()})
            for i in range(5)
        ]
    except ProfileError:
        return None


@given(arithmetic, columns, columns)
def test_agrees_with_the_scalar_language_to_the_bit(text, a, b):
    expression, values = Expression.parse(text), {"a": a, "b": b}
    expected = pointwise(expression, values)
    if expected is None:
        with pytest.raises(ProfileError, match="overflows or is undefined at"):
            evaluate(expression, values)
    else:
        np.testing.assert_array_equal(np.broadcast_to(evaluate(expression, values), 5), expected)


@pytest.mark.parametrize("text", ["exp(a)", "log(a)", "a ** 1.2", "a ** a", "2 ** -a"])
def test_elementary_functions_agree_to_the_last_place(text):
    a = np.linspace(0.01, 20, 5000)
    expression = Expression.parse(text)
    expected = [expression.evaluate({"a": float(value)}) for value in a]
    # NumPy's own vector code: 0 or 1 unit in the last place here, 4 by its documentation
    np.testing.assert_array_max_ulp(evaluate(expression, {"a": a}), np.array(expected), 4)


@pytest.mark.parametrize("name", profile_names())
def test_shipped_formulas_agree_with_the_scalar_language(name):
    profile = load_profile(name)
    known = {name: np.array([value]) for name, value in profile.typical.items()}
    scalar = dict(profile.typical)
    for assignment, expression in [*profile.per_image.items(), *profile.formula.items()]:
        known[assignment] = evaluate(expression, known)
        scalar[assignment] = expression.evaluate(scalar)
        # a dozen roundings of numbers that are added, none of which cancels
        np.testing.assert_allclose(known[assignment], scalar[assignment], rtol=1e-14)


def test_both_languages_have_the_same_functions():
    assert FUNCTIONS.keys() == expressions.FUNCTIONS.keys()


@pytest.mark.parametrize(
    "text",
    ["1 / a", "log(a)", "a ** -1", "sqrt(a - 1)", "exp(1000 - 1000 * a)", "clip(a, 1, a)"],
)
@pytest.mark.parametrize("outer", ["{}", "min(1, {})"])
def test_raises_where_one_element_is_undefined(outer, text):
    expression = Expression.parse(outer.format(text), where="x.toml, [formula] total")
    with pytest.raises(ProfileError, match=r"^x.toml, \[formula\] total: .* at 1 of 3 points"):
        evaluate(expression, {"a": np.array([1.0, 0.0, math.nan])})


def test_what_is_not_scored_stays_so_and_never_raises():
    values = {"a": np.array([math.nan, 2.0]), "b": np.array([[0.0], [1.0]])}
    for text in ["a * b", "min(a, b)", "clip(a, 0, b)", "a ** b", "b ** a", "b / a"]:
        result = evaluate(Expression.parse(text), values)
        assert result.shape == (2, 2)
        assert np.isnan(result).tolist() == [[True, False], [True, False]]


def test_infinite_values_are_refused():
    with pytest.raises(ProfileError, match="needs finite numbers"):
        evaluate(Expression.parse("min(a, 1)"), {"a": np.array([math.inf])})


def test_an_expression_without_names_is_a_number():
    assert evaluate(Expression.parse("1 + 2"), {}) == 3
