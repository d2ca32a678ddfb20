"""The numbers that stand in a formula, so that some of them can be made free."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import InputError
from gpu_metrics.expressions import Expression
from gpu_metrics.profiles import Profile


@dataclass(frozen=True, slots=True)
class Free:
    """A constant to be fitted: its name, the places where it stands, and its value there."""

    name: str
    places: tuple[str, ...]
    value: float


def constants(profile: Profile) -> dict[str, float]:
    """Every number of the formula by its place: `total.2` is the second one of `total`."""
    return {
        f"{name}.{number}": float(ast.literal_eval(node))
        for name, expression in profile.formula.items()
        for number, node in enumerate(_numbers(ast.parse(expression.text, mode="eval")), start=1)
    }


def parse_free(profile: Profile, text: str) -> list[Free]:
    """Read `raw_lpips.1, sharpness = raw_lpips.2 + raw_delta_e.2`.

    Places that are added up hold one and the same constant. The number may be left out where an
    assignment has only one. Without a name a constant is called after its first place.

    Raises:
        InputError: There is no such place, it is named twice, or places differ in value.
    """
    known = constants(profile)
    free: list[Free] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, listed = part.rpartition("=")
        places = tuple(_place(place.strip(), known) for place in listed.split("+"))
        values = {known[place] for place in places}
        if len(values) > 1:
            found = ", ".join(f"{place} = {known[place]:g}" for place in places)
            raise InputError(f"free: one constant cannot have several values: {found}")
        free.append(Free(name.strip() or places[0], places, values.pop()))
    for what, items in (
        ("name", [item.name for item in free]),
        ("place", [place for item in free for place in item.places]),
    ):
        if twice := [item for item in items if items.count(item) > 1]:
            raise InputError(f"free: the {what} {twice[0]!r} comes twice")
    return free


def freed(profile: Profile, free: Sequence[Free]) -> dict[str, Expression]:
    """The formula with names in the place of free constants: C1 for the first, and so on."""
    names = {place: f"C{number}" for number, item in enumerate(free, 1) for place in item.places}
    return {
        assignment: _replaced(assignment, expression, names)
        for assignment, expression in profile.formula.items()
    }


def _replaced(assignment: str, expression: Expression, names: Mapping[str, str]) -> Expression:
    tree = ast.parse(expression.text, mode="eval")
    chosen = {
        id(node): names[place]
        for number, node in enumerate(_numbers(tree), start=1)
        if (place := f"{assignment}.{number}") in names
    }

    class Renaming(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            return ast.Name(chosen[id(node)], ast.Load()) if id(node) in chosen else node

    return Expression.parse(ast.unparse(Renaming().visit(tree)), where=expression.where)


def _numbers(tree: ast.AST) -> list[ast.Constant]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return sorted(found, key=lambda node: node.col_offset)


def _place(text: str, known: Mapping[str, float]) -> str:
    if f"{text}.1" in known and f"{text}.2" not in known:
        return f"{text}.1"
    if text not in known:
        raise InputError(
            f"free: no constant stands at {text!r}; there are {', '.join(known)}"
            f"{did_you_mean(text, known)}"
        )
    return text
