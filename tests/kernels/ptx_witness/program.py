"""PTX text of one kernel, taken apart into instructions, labels, parameters and shared memory."""

import re
from dataclasses import dataclass, field

_ENTRY = r"\.visible \.entry {name}\((?P<parameters>.*?)\)(?P<head>[^{{]*)\{{(?P<body>.*?)\n\}}"
_REGISTERS = re.compile(r"\.reg \.(\w+) %(\w+)<(\d+)>")
_SHARED = re.compile(r"\.shared \.align (\d+) \.b8 (\w+)\[(\d+)\]")
_GUARD = re.compile(r"@(!?)(%\w+) (.*)")
_COMMA = re.compile(r", *(?![^{]*\})")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One operation: `add.s32 %r1, %r2, 3` under an optional predicate."""

    operation: tuple[str, ...]
    operands: tuple[str, ...]
    guard: str | None
    negated: bool
    text: str


@dataclass(slots=True)
class Program:
    """A kernel: its code with everything the code refers to by name."""

    parameters: list[str]
    code: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    register_types: dict[str, str] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    shared_size: int = 0


def parse(ptx: str, name: str) -> Program:
    """The kernel `name` of a PTX module; a directive that is not understood raises."""
    entry = re.search(_ENTRY.format(name=name), re.sub(r"//[^\n]*", "", ptx), re.DOTALL)
    if entry is None:
        raise SyntaxError(f"no entry {name} in this PTX")
    program = Program(re.findall(r"\b\w+_param_\d+\b", entry["parameters"]))
    for line in entry["body"].splitlines():
        statement = " ".join(line.split()).rstrip(";")
        if statement and not statement.startswith((".loc ", ".pragma ")):
            _add(program, statement)
    return program


def _add(program: Program, statement: str) -> None:
    if statement.endswith(":"):
        program.labels[statement[:-1]] = len(program.code)
    elif registers := _REGISTERS.match(statement):
        kind, prefix, count = registers.groups()
        program.register_types |= {f"%{prefix}{i}": kind for i in range(int(count))}
    elif shared := _SHARED.match(statement):
        alignment, symbol, size = int(shared[1]), shared[2], int(shared[3])
        start = -(-program.shared_size // alignment) * alignment
        program.shared[symbol] = start
        program.shared_size = start + size
    elif statement.startswith("."):
        raise SyntaxError(f"directive not covered: {statement}")
    else:
        program.code.append(_instruction(statement))


def _instruction(statement: str) -> Instruction:
    guard = _GUARD.match(statement)
    text = guard[3] if guard else statement
    operation, _, operands = text.partition(" ")
    return Instruction(
        operation=tuple(operation.split(".")),
        operands=tuple(part.strip() for part in _COMMA.split(operands)) if operands else (),
        guard=guard[2] if guard else None,
        negated=bool(guard and guard[1]),
        text=statement,
    )
