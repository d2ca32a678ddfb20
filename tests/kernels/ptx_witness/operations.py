"""What PTX arithmetic does to arrays of lanes. An operation that is not here is refused."""

from collections.abc import Callable
from operator import and_, eq, ge, gt, le, lt, ne, or_, xor

import numpy as np
from numpy.typing import NDArray

Lanes = NDArray[np.generic]

_UNSIGNED = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}
_SIGNED = {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}
_FLOAT = {32: np.float32, 64: np.float64}

_COMPARE = {"eq": eq, "ne": ne, "lt": lt, "le": le, "gt": gt, "ge": ge, "lo": lt, "hs": ge}
_LOGIC = {"and": and_, "or": or_, "xor": xor}
# NumPy rounds each of these once, to nearest even, as PTX does under .rn
_FLOAT_ARITHMETIC = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}


def lane_type(name: str) -> type[np.generic]:
    """NumPy type of a PTX type: `u32`, `s64`, `f64`, `b16`, `pred`."""
    if name == "pred":
        return np.bool_
    family = {"u": _UNSIGNED, "b": _UNSIGNED, "s": _SIGNED, "f": _FLOAT}[name[0]]
    return family[int(name[1:])]


def bits(value: Lanes, width: int) -> Lanes:
    """The raw bits of `value`, extended by its own sign or cut to `width` bits."""
    if value.dtype.kind == "f":
        value = value.view(_UNSIGNED[8 * value.dtype.itemsize])
    return value.astype(_UNSIGNED[width])


def float_arithmetic(operation: tuple[str, ...], a: Lanes, b: Lanes) -> Lanes:
    if operation[0] in ("min", "max"):
        return (np.fmin if operation[0] == "min" else np.fmax)(a, b)
    if "rn" not in operation or "ftz" in operation:
        raise NotImplementedError(".".join(operation))
    return _FLOAT_ARITHMETIC[operation[0]](a, b)


def integer_arithmetic(operation: tuple[str, ...], a: Lanes, b: Lanes) -> Lanes:
    name, modifiers = operation[0], operation[1:-1]
    if name in ("mul", "mad"):
        if modifiers == ("lo",):
            return a * b
        width = 8 * a.dtype.itemsize
        if width == 64 and modifiers == ("hi",):
            # 128-bit products, one by one in Python's integers
            return (a.astype(object) * b.astype(object) >> 64).astype(a.dtype)
        if width == 64 or modifiers not in (("wide",), ("hi",)):
            raise NotImplementedError(".".join(operation))
        double = (_SIGNED if a.dtype.kind == "i" else _UNSIGNED)[2 * width]
        product = a.astype(double) * b.astype(double)
        return product if modifiers == ("wide",) else (product >> double(width)).astype(a.dtype)
    if modifiers:
        raise NotImplementedError(".".join(operation))
    if name in ("min", "max"):
        return (np.minimum if name == "min" else np.maximum)(a, b)
    if name == "rem":
        return np.fmod(a, b)
    if name == "div":
        # towards zero, where NumPy's // goes down
        return (a - np.fmod(a, b)) // b
    return {"add": np.add, "sub": np.subtract}[name](a, b)


def compare(operation: tuple[str, ...], a: Lanes, b: Lanes) -> Lanes:
    # the forms ending in u are true for unordered operands
    name = operation[1]
    unordered = np.isnan(a) | np.isnan(b) if a.dtype.kind == "f" else np.False_
    if len(name) == 3:
        return _COMPARE[name[:2]](a, b) | unordered
    return _COMPARE[name](a, b) & ~unordered


def logic(name: str, a: Lanes, b: Lanes) -> Lanes:
    return _LOGIC[name](a, b)


def shift(name: str, a: Lanes, count: Lanes) -> Lanes:
    width = 8 * a.dtype.itemsize
    clamped = np.minimum(count, width - 1).astype(a.dtype)
    if name == "shr":
        shifted = a >> clamped
        empty = a >> a.dtype.type(width - 1) if a.dtype.kind == "i" else np.zeros_like(a)
        return np.where(count >= width, empty, shifted)
    return np.where(count >= width, np.zeros_like(a), a << clamped)


def permute_bytes(low: Lanes, high: Lanes, selector: Lanes) -> Lanes:
    both = low.astype(np.uint64) | high.astype(np.uint64) << np.uint64(32)
    result = np.zeros_like(low)
    for i in range(4):
        nibble = selector >> np.uint32(4 * i) & np.uint32(15)
        if (nibble > 7).any():
            raise NotImplementedError("prmt with sign replication")
        byte = both >> (8 * nibble).astype(np.uint64) & np.uint64(255)
        result |= byte.astype(np.uint32) << np.uint32(8 * i)
    return result


def insert_bits(field: Lanes, into: Lanes, start: Lanes, length: Lanes) -> Lanes:
    if into.dtype != np.uint32 or ((start + length) > 32).any():
        raise NotImplementedError("bfi beyond 32 bits")
    mask = ((np.uint64(1) << length.astype(np.uint64)) - np.uint64(1)).astype(np.uint32) << start
    return into & ~mask | field << start & mask


def dot_halves_with_bytes(operation: tuple[str, ...], a: Lanes, b: Lanes, c: Lanes) -> Lanes:
    if operation[2:] != ("u32", "u32"):
        raise NotImplementedError(".".join(operation))
    first = b >> np.uint32({"lo": 0, "hi": 16}[operation[1]])
    low, high = a & np.uint32(0xFFFF), a >> np.uint32(16)
    return c + low * (first & np.uint32(255)) + high * (first >> np.uint32(8) & np.uint32(255))


def convert(operation: tuple[str, ...], value: Lanes, target: type[np.generic]) -> Lanes:
    to_integer = np.dtype(target).kind != "f"
    if value.dtype.kind == "f" and to_integer:
        rounding: dict[str, Callable[[Lanes], Lanes]] = {"rni": np.rint, "rzi": np.trunc}
        whole = rounding[operation[1]](value)
        limits = np.iinfo(target)
        if not ((whole >= limits.min) & (whole <= limits.max)).all():
            raise NotImplementedError("conversion out of range")
        return whole.astype(target)
    if value.dtype.kind == "f" and np.dtype(target).itemsize < value.dtype.itemsize:
        assert operation[1] == "rn"
    return value.astype(target)
