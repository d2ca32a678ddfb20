"""The formula language over arrays: one evaluation for all teams and all draws."""

import ast
from collections.abc import Callable, Mapping
from functools import cache, reduce

import numpy as np
from numpy.typing import NDArray

from gpu_metrics.errors import ProfileError
from gpu_metrics.expressions import Expression

Array = NDArray[np.float64]


def evaluate(expression: Expression, values: Mapping[str, Array]) -> Array:
    """The expression at every element of arrays that broadcast against each other.

    NaN stands for "not scored": where a value that the expression uses is NaN, so is the result.
    Everywhere else a step that overflows or is undefined raises ProfileError, as in
    `Expression.evaluate`, with which the numbers agree to a few units in the last place.
    """
    used = [values[name] for name in expression.names]
    if any(np.isinf(value).any() for value in used):
        raise ProfileError(f"{expression.where}: {expression.text!r} needs finite numbers")
    unscored = np.asarray(False)
    for value in used:
        unscored = np.asarray(unscored | np.isnan(value))
    with np.errstate(all="ignore"):
        result = _value(_tree(expression.text), values, unscored, expression)
    return np.where(unscored, np.nan, result)


@cache
def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _value(
    node: ast.expr, values: Mapping[str, Array], unscored: NDArray[np.bool_], whole: Expression
) -> Array:
    """The value of a node of a parsed, hence well-formed, expression."""
    match node:
        case ast.Constant(value=number):
            return np.asarray(number, np.float64)
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=op, operand=inner):
            value = _value(inner, values, unscored, whole)
            return np.asarray(-value) if isinstance(op, ast.USub) else value
        case ast.BinOp(left=left, op=operation, right=right):
            function, parts = _OPERATORS[type(operation)], [left, right]
        case ast.Call(func=ast.Name(id=name), args=parts):
            function = FUNCTIONS[name]
    result = np.asarray(function(*[_value(part, values, unscored, whole) for part in parts]))
    # -inf, +inf or NaN is what NumPy says where the scalar language raises
    if (faulty := ~np.isfinite(result) & ~unscored).any():
        raise ProfileError(
            f"{whole.where}: {whole.text!r}: {ast.unparse(node)!r} overflows or is undefined at "
            f"{np.count_nonzero(faulty)} of {faulty.size} points"
        )
    return result


def _clip(x: Array, low: Array, high: Array) -> Array:
    return np.where(low > high, np.nan, np.minimum(np.maximum(x, low), high))


_OPERATORS: dict[type[ast.operator], Callable[..., Array]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}

FUNCTIONS: dict[str, Callable[..., Array]] = {
    "clip": _clip,
    "min": lambda *parts: reduce(np.minimum, parts),
    "max": lambda *parts: reduce(np.maximum, parts),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
}
