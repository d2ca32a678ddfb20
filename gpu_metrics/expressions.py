"""The small arithmetic language in which profiles write their formulas."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gpu_metrics.errors import ProfileError

MAX_LENGTH = 2_000
MAX_DEPTH = 100

Values = Mapping[str, float]
Evaluate = Callable[[Values], float]


@dataclass(frozen=True, slots=True)
class Expression:
    """Arithmetic over named values: numbers, names, `+ - * / **`, parentheses and `FUNCTIONS`.

    Everything is computed in double precision; a step that overflows or is undefined raises
    instead of yielding an infinity or NaN that a later step could hide.
    """

    text: str
    where: str = field(compare=False)
    names: tuple[str, ...] = field(compare=False)
    _evaluate: Evaluate = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, *, where: str = "expression") -> "Expression":
        """Compile `text`; `where` opens every error message."""
        text = " ".join(text.split())
        names: dict[str, None] = {}
        try:
            evaluate = _compile(_syntax_tree(text), names, MAX_DEPTH)
        except _Fault as fault:
            shown = text if len(text) <= 80 else f"{text[:77]}..."
            raise ProfileError(f"{where}: {shown!r}: {fault}") from None
        return cls(text, where, tuple(names), evaluate)

    def evaluate(self, values: Values) -> float:
        """The value of the expression; `values` must hold a finite number for each of `names`."""
        for name in self.names:
            if name not in values:
                raise ProfileError(f"{self.where}: {self.text!r} needs a value for {name!r}")
            if not math.isfinite(values[name]):
                raise ProfileError(
                    f"{self.where}: {name} must be a finite number, got {values[name]}"
                )
        try:
            return self._evaluate(values)
        except _Fault as fault:
            given = ", ".join(f"{name} = {values[name]:g}" for name in self.names)
            where = f" where {given}" if given else ""
            raise ProfileError(
                f"{self.where}: {self.text!r} has no value{where}: {fault}"
            ) from None

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as text, since compiled closures cannot be."""
        return _parse, (self.text, self.where)


def _parse(text: str, where: str) -> Expression:
    return Expression.parse(text, where=where)


class _Fault(Exception):
    """A cause that does not know its place yet."""


def _syntax_tree(text: str) -> ast.expr:
    if not text:
        raise _Fault("expected an expression, got nothing")
    if len(text) > MAX_LENGTH:
        raise _Fault(f"{len(text)} characters, at most {MAX_LENGTH} are read")
    end = 0
    while token := _TOKEN.match(text, end):
        end = token.end()
    if end < len(text):
        raise _Fault(f"unexpected {text[end:].split()[0][:20]!r}; {_GRAMMAR}")
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise _Fault(f"{error.msg}; {_GRAMMAR}") from None
    except (ValueError, RecursionError, MemoryError):
        raise _Fault("nested too deeply") from None


def _compile(node: ast.expr, names: dict[str, None], depth: int) -> Evaluate:
    """Turn a whitelisted node into a closure, noting the free names in order."""
    if depth == 0:
        raise _Fault(f"nested more than {MAX_DEPTH} levels deep; split it into assignments")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _constant(number)
        case ast.Name(id=name) if name in FUNCTIONS:
            raise _Fault(f"{name} is a function; call it: {name}(...)")
        case ast.Name(id=name):
            names[name] = None
            return lambda values: float(values[name])
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _compile(operand, names, depth - 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _compile(operand, names, depth - 1)
            return lambda values: -inner(values)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            function, sides = _OPERATORS[type(op)], (left, right)
            return _step(node, function, [_compile(s, names, depth - 1) for s in sides])
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            function, fewest, most = FUNCTIONS[name]
            if not fewest <= len(arguments) <= most:
                expected = f"{fewest}" if fewest == most else f"at least {fewest}"
                raise _Fault(f"{name} takes {expected} values, got {len(arguments)}")
            return _step(node, function, [_compile(a, names, depth - 1) for a in arguments])
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            raise _Fault(f"unknown function {name!r}; available: {', '.join(FUNCTIONS)}")
    raise _Fault(f"{ast.unparse(node)!r} is not allowed; {_GRAMMAR}")


def _constant(number: int | float) -> Evaluate:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        raise _Fault("a number does not fit double precision")
    return lambda values: value


def _step(node: ast.expr, function: Callable[..., float], parts: list[Evaluate]) -> Evaluate:
    """One operation on finite operands, which must give a finite result."""

    def evaluate(values: Values) -> float:
        operands = [part(values) for part in parts]
        try:
            result = function(*operands)
        except ZeroDivisionError:
            raise _Fault(f"division by zero in {ast.unparse(node)!r}") from None
        except OverflowError:
            raise _Fault(f"{ast.unparse(node)!r} overflows") from None
        except ValueError:
            got = ", ".join(f"{operand:g}" for operand in operands)
            raise _Fault(f"{ast.unparse(node)!r} is undefined for {got}") from None
        if not math.isfinite(result):
            raise _Fault(f"{ast.unparse(node)!r} overflows")
        return result

    return evaluate


def _clip(x: float, low: float, high: float) -> float:
    if low > high:
        raise ValueError("an empty interval has no nearest point")
    return min(max(x, low), high)


# stricter than Python's own tokens, whose strings, hex numbers and 1if2 never reach the parser
_TOKEN = re.compile(
    r" *(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])|[A-Za-z_]\w*|[-+*/(),])", re.ASCII
)

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    # unlike **, undefined instead of complex for a negative base
    ast.Pow: math.pow,
}

# name: function, fewest and most values it takes
FUNCTIONS: dict[str, tuple[Callable[..., float], int, float]] = {
    "clip": (_clip, 3, 3),
    "min": (min, 2, math.inf),
    "max": (max, 2, math.inf),
    "exp": (math.exp, 1, 1),
    "log": (math.log, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
}

_GRAMMAR = f"expected numbers, names, + - * / **, parentheses and {', '.join(FUNCTIONS)}"
