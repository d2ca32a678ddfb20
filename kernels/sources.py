"""Kernel source text with its includes, and the arguments that each kernel declares."""

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_INCLUDE = re.compile(r'#include "([\w.]+)"')
_KERNEL = r'extern "C" __global__ void(?:\s+__launch_bounds__\(\w+\))?\s+{name}\s*\((.*?)\)\s*\{{'
_PARAMETER = re.compile(r"(?:const )?(?P<ctype>[\w ]+?)(?P<star> ?\*)? ?(?P<name>\w+)")


class Parameter(NamedTuple):
    """One declared kernel argument: a scalar, or a pointer to elements of `ctype`."""

    name: str
    ctype: str
    pointer: bool


def kernel_names() -> tuple[str, ...]:
    """Every kernel of the package; `name` lives in `name.cu`."""
    entries = (path.name for path in files(__package__).iterdir())
    return tuple(sorted(e.removesuffix(".cu") for e in entries if e.endswith(".cu")))


@cache
def source(name: str) -> str:
    """Text of `name.cu` with each `#include "file.cuh"` replaced by that file, once.

    Self-contained, so that NVRTC, a host compiler and a digest all see the same text.
    """
    return _inlined(f"{name}.cu", set())


@cache
def digest(name: str, flags: tuple[str, ...]) -> str:
    """Name of what a compiler makes of this source under these flags."""
    return hashlib.sha256("\0".join((source(name), *flags)).encode()).hexdigest()[:16]


@cache
def signature(name: str) -> tuple[Parameter, ...]:
    """Arguments of kernel `name` in order, read from its declaration."""
    code = re.sub(r"//[^\n]*|__restrict__", "", source(name))
    declared = re.search(_KERNEL.format(name=name), code, re.DOTALL)
    if declared is None:
        raise LookupError(f'{name}.cu declares no extern "C" __global__ void {name}(...)')
    return tuple(_parameter(" ".join(part.split())) for part in declared[1].split(","))


def _parameter(text: str) -> Parameter:
    match = _PARAMETER.fullmatch(text)
    if match is None:
        raise LookupError(f"kernel argument {text!r} is neither a scalar nor a plain pointer")
    return Parameter(match["name"], match["ctype"], match["star"] is not None)


def _inlined(file: str, seen: set[str]) -> str:
    lines = [f'#line 1 "{file}"']
    for number, line in enumerate(files(__package__).joinpath(file).read_text().splitlines(), 1):
        include = _INCLUDE.fullmatch(line)
        if include is None:
            lines.append(line)
        elif include[1] not in seen:
            seen.add(include[1])
            lines += [_inlined(include[1], seen), f'#line {number + 1} "{file}"']
    return "\n".join(lines)
