"""Run a parsed PTX kernel, all lanes of a few blocks at a time, and refuse what is not covered."""

import re

import numpy as np
from numpy.typing import NDArray

from ptx_witness import operations
from ptx_witness.memory import Global, Shared
from ptx_witness.operations import Lanes, bits, lane_type
from ptx_witness.program import Instruction, Program

_ADDRESS = re.compile(r"\[([%$\w]+)(?:\+(-?\d+))?\]")
_WARP = 32


class PtxFault(RuntimeError):
    """The program did what hardware forbids, or uses an instruction that is not covered."""


class Machine:
    """Lanes of some blocks, executed in lockstep at the lowest program counter among them."""

    def __init__(
        self,
        program: Program,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        blocks: NDArray[np.int64],
        parameters: dict[str, np.generic],
        memory: Global,
    ) -> None:
        threads = int(np.prod(block))
        thread = np.tile(np.arange(threads), len(blocks))
        self.program, self.parameters, self.memory = program, parameters, memory
        self.block = np.repeat(np.arange(len(blocks)), threads)
        self.warp = self.block * -(-threads // _WARP) + thread // _WARP
        self.lane = thread % _WARP
        self.special = _special_registers(thread, np.repeat(blocks, threads), grid, block)
        self.shared = Shared(program.shared_size, self.block)
        self.registers: dict[str, Lanes] = {}
        self.counter = np.zeros(thread.size, np.int64)
        self.waiting = np.zeros(thread.size, bool)

    def run(self) -> None:
        end = len(self.program.code)
        while (self.counter < end).any():
            ready = (self.counter < end) & ~self.waiting
            if not ready.any():
                self._open_barriers(end)
                continue
            place = self.counter[ready].min()
            lanes = ready & (self.counter == place)
            self.counter[lanes] = place + 1
            instruction = self.program.code[place]
            if instruction.guard:
                lanes &= self._register(instruction.guard) != instruction.negated
            if lanes.any():
                self._guarded(instruction, lanes)

    def _guarded(self, instruction: Instruction, lanes: NDArray[np.bool_]) -> None:
        try:
            with np.errstate(all="ignore"):
                self._execute(instruction, lanes)
        except (IndexError, KeyError, NotImplementedError) as error:
            raise PtxFault(f"{instruction.text}: {type(error).__name__} {error}") from error

    def _open_barriers(self, end: int) -> None:
        for block in range(int(self.block.max()) + 1):
            here = self.block == block
            if not (self.waiting | (self.counter >= end))[here].all():
                raise PtxFault("a barrier waits for lanes that never come")
            self.waiting[here] = False

    def _execute(self, instruction: Instruction, lanes: NDArray[np.bool_]) -> None:
        operation, operands = instruction.operation, instruction.operands
        name, kind = operation[0], operation[-1]

        def read(i: int, as_type: str = kind) -> Lanes:
            return self._read(operands[i], as_type, lanes)

        def write(value: Lanes) -> None:
            self._write(operands[0], value, lanes)

        if name == "bra":
            self.counter[lanes] = self.program.labels[operands[0]]
        elif name in ("ret", "exit"):
            self.counter[lanes] = len(self.program.code)
        elif name == "bar":
            self.waiting |= lanes
        elif name == "mov":
            self._move(operands, kind, lanes)
        elif name in ("ld", "st"):
            self._transfer(operation, operands, lanes)
        elif name in ("atom", "red"):
            self._add_atomically(operation, operands, lanes)
        elif name == "shfl":
            self._shuffle(operation, operands, lanes)
        elif name == "cvta":
            write(read(1))
        elif name == "cvt":
            value = self._read(operands[1], kind, lanes)
            write(operations.convert(operation, value, lane_type(operation[-2])))
        elif name == "setp":
            write(operations.compare(operation, read(1), read(2)))
        elif name == "selp":
            write(np.where(read(3, "pred"), read(1), read(2)))
        elif name in ("and", "or", "xor"):
            write(operations.logic(name, read(1), read(2)))
        elif name == "not":
            write(~read(1))
        elif name in ("shl", "shr"):
            write(operations.shift(name, read(1), read(2, "u32")))
        elif name == "prmt":
            write(operations.permute_bytes(read(1), read(2), read(3)))
        elif name == "bfi":
            write(operations.insert_bits(read(1), read(2), read(3, "u32"), read(4, "u32")))
        elif name == "dp2a":
            write(operations.dot_halves_with_bytes(operation, read(1), read(2), read(3)))
        elif name == "neg":
            write(-read(1))
        elif name == "abs":
            write(np.abs(read(1)))
        elif name == "sqrt" and operation[1] == "rn":
            write(np.sqrt(read(1)))
        elif name == "mad":
            product = operations.integer_arithmetic(operation, read(1), read(2))
            addend = f"{kind[0]}{8 * product.dtype.itemsize}"
            write(product + read(3, addend))
        elif name in ("add", "sub", "mul", "div", "rem", "min", "max"):
            arithmetic = "float" if kind[0] == "f" else "integer"
            write(getattr(operations, f"{arithmetic}_arithmetic")(operation, read(1), read(2)))
        else:
            raise NotImplementedError(name)

    def _move(self, operands: tuple[str, ...], kind: str, lanes: NDArray[np.bool_]) -> None:
        target, value = operands
        if target.startswith("{"):
            whole = self._read(value, "b64", lanes)
            for i, half in enumerate(_parts(target)):
                self._write(half, (whole >> np.uint64(32 * i)).astype(np.uint32), lanes)
        elif value.startswith("{"):
            low, high = (self._read(half, "b32", lanes).astype(np.uint64) for half in _parts(value))
            self._write(target, low | high << np.uint64(32), lanes)
        else:
            self._write(target, self._read(value, kind, lanes), lanes)

    def _transfer(
        self, operation: tuple[str, ...], operands: tuple[str, ...], lanes: NDArray[np.bool_]
    ) -> None:
        kind = operation[-1]
        if operation[1] == "param":
            value = self.parameters[operands[1].strip("[]")]
            self._write(operands[0], np.full(lanes.sum(), value), lanes)
            return
        address, values = operands if operation[0] == "st" else operands[::-1]
        registers = _parts(values)
        width = np.dtype(lane_type(kind)).itemsize
        index, memory = self._places(operation[1], address, width * len(registers), lanes)
        for i, register in enumerate(registers):
            part = index[:, i * width : (i + 1) * width]
            if operation[0] == "ld":
                raw = np.ascontiguousarray(memory[part])
                self._write(register, raw.view(lane_type(kind)).ravel(), lanes)
            else:
                raw = np.ascontiguousarray(self._read(register, kind, lanes))
                memory[part] = raw.view(np.uint8).reshape(-1, width)

    def _places(
        self, space: str, address: str, width: int, lanes: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        base, offset = _ADDRESS.fullmatch(address).groups()
        where = self._read(base, "b64", lanes).astype(np.int64) + int(offset or 0)
        if space == "shared":
            return self.shared.places(where, width, lanes), self.shared.bytes
        if space == "global":
            return self.memory.places(where, width), self.memory.bytes
        raise NotImplementedError(f"{space} memory")

    def _add_atomically(
        self, operation: tuple[str, ...], operands: tuple[str, ...], lanes: NDArray[np.bool_]
    ) -> None:
        if operation[1:] != ("global", "add", "u64"):
            raise NotImplementedError("atomics other than global 64-bit integer additions")
        address, value = operands[-2:]
        index, memory = self._places("global", address, 8, lanes)
        old = []
        for place, addend in zip(index, self._read(value, "u64", lanes), strict=True):
            current = np.ascontiguousarray(memory[place]).view(np.uint64)
            old.append(current[0])
            memory[place] = (current + addend).view(np.uint8)
        if operation[0] == "atom":
            self._write(operands[0], np.array(old, np.uint64), lanes)

    def _shuffle(
        self, operation: tuple[str, ...], operands: tuple[str, ...], lanes: NDArray[np.bool_]
    ) -> None:
        target, value, step, clamp, members = operands
        whole_warp = (self._read(clamp, "u32", lanes) == _WARP - 1).all()
        if operation[2] != "down" or not whole_warp:
            raise NotImplementedError("shuffles other than down over a whole warp")
        mask = self._read(members, "u32", lanes)
        present = np.bincount(self.warp[lanes])[self.warp[lanes]]
        if (np.bitwise_count(mask) != present).any():
            raise PtxFault("shuffle names lanes that are not there")
        everyone = np.zeros(lanes.size, np.uint32)
        everyone[lanes] = self._read(value, "b32", lanes)
        here = np.nonzero(lanes)[0]
        distance = self._read(step, "u32", lanes).astype(np.int64)
        inside = self.lane[here] + distance < _WARP
        register, _, predicate = target.partition("|")
        self._write(register, everyone[np.where(inside, here + distance, here)], lanes)
        if predicate:
            self._write(predicate, inside, lanes)

    def _register(self, name: str) -> Lanes:
        if name not in self.registers:
            kind = self.program.register_types[name]
            self.registers[name] = np.zeros(self.lane.size, lane_type(kind.replace("f", "b")))
        return self.registers[name]

    def _read(self, operand: str, kind: str, lanes: NDArray[np.bool_]) -> Lanes:
        target = lane_type(kind)
        width = 8 * np.dtype(target).itemsize
        if operand in self.special:
            raw = self.special[operand][lanes]
        elif operand.startswith("%"):
            raw = self._register(operand)[lanes]
        elif operand.startswith(("0d", "0f")):
            digits = int(operand[2:], 16)
            return np.full(lanes.sum(), digits, np.uint64 if width == 64 else np.uint32).view(
                target
            )
        elif operand in self.program.shared:
            raw = np.full(lanes.sum(), self.program.shared[operand], np.uint64)
        else:
            raw = np.full(lanes.sum(), int(operand.rstrip("U"), 0), np.int64)
        return raw if kind == "pred" else np.ascontiguousarray(bits(raw, width)).view(target)

    def _write(self, name: str, value: Lanes, lanes: NDArray[np.bool_]) -> None:
        register = self._register(name)
        is_predicate = register.dtype == np.bool_
        register[lanes] = value if is_predicate else bits(value, 8 * register.dtype.itemsize)


def _parts(operand: str) -> list[str]:
    return [part.strip() for part in operand.strip("{}").split(",")]


def _special_registers(
    thread: NDArray[np.int64],
    block_number: NDArray[np.int64],
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
) -> dict[str, Lanes]:
    special = {}
    for index, name, extent in ((thread, "tid", block), (block_number, "ctaid", grid)):
        x, y, _ = extent
        coordinates = (index % x, index // x % y, index // (x * y))
        special |= {f"%{name}.{axis}": c for axis, c in zip("xyz", coordinates, strict=True)}
        special |= {
            f"%n{name}.{axis}": np.full_like(index, side)
            for axis, side in zip("xyz", extent, strict=True)
        }
    return special
