"""A contest's numbers put together, for one standing or for all draws of it at once."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import rankdata

from gpu_metrics.contests import Contest, Place, Rate, Share
from gpu_metrics.expressions import Expression
from gpu_metrics.ranking import arrays
from gpu_metrics.ranking.arrays import Array


def compute(
    contest: Contest,
    values: Mapping[str, Array],
    *,
    constants: Mapping[str, Array] | None = None,
    evaluate: Callable[[Expression, Mapping[str, Array]], Array] = arrays.evaluate,
) -> dict[str, Array]:
    """Every name of a contest for all teams, which are the last axis of the arrays.

    What needs an input that is absent is left out.

    Args:
        contest: The rules.
        values: Inputs and rates, and assignments to take as they are instead of computing them.
        constants: To put in the place of those of the contest; they broadcast against `values`.
        evaluate: How expressions are evaluated: `arrays.evaluate`, or `pointwise`.
    """
    known = {name: np.array(constant.value) for name, constant in contest.constants.items()}
    known |= {**(constants or {}), **values}
    for name, rule in contest.across.items():
        if rule.of in values and not isinstance(rule, Rate):
            known[name] = _across(rule, values[rule.of])
    for name, expression in contest.formula.items():
        if name not in values and all(used in known for used in expression.names):
            known[name] = evaluate(expression, known)
    return known


def pointwise(expression: Expression, values: Mapping[str, Array]) -> Array:
    """The expression team by team, with the digits of the scalar language."""
    columns = np.broadcast_arrays(*(values[name] for name in expression.names))
    shape = columns[0].shape if columns else ()
    rows = zip(*(column.ravel().tolist() for column in columns), strict=True) if columns else [()]
    found = [expression.evaluate(dict(zip(expression.names, r, strict=True))) for r in rows]
    return np.array(found, np.float64).reshape(shape)


def _across(rule: Place | Share, column: Array) -> Array:
    if isinstance(rule, Place):
        ranked = rankdata(-column if rule.higher_is_better else column, axis=-1)
        return np.asarray(ranked, np.float64)
    least, greatest = column.min(axis=-1, keepdims=True), column.max(axis=-1, keepdims=True)
    spread = greatest - least
    share = (column - least) / np.where(spread == 0, 1.0, spread)
    return np.where(spread == 0, rule.equal, share)
