"""Memory of a device that a function of the caller's gives to a plan."""

from __future__ import annotations

from collections.abc import Callable

from . import abi, arrays
from .arrays import Array, held
from .errors import invalid_argument

Give = Callable[[int], Array]
ALIGNMENT = 256


class Lent:
    """What the runtime asks for memory, by `struct`. Keeps the arrays until the runtime gives their memory back."""

    def __init__(self, give: Give) -> None:
        self._give = give
        self._blocks: dict[int, Array] = {}
        self.error: BaseException | None = None  # of the function, which must not leave a call from C
        self._functions = abi.Allocate(self._allocate), abi.Release(self._release)
        self.struct = abi.sized(abi.AllocatorStruct(0, *self._functions, None))

    def _allocate(self, _context: int | None, count: int) -> int | None:
        try:
            block = self._ask(count + ALIGNMENT - 1)
        except BaseException as error:
            self.error = error
            return None
        address = -(-arrays.address_of(block) // ALIGNMENT) * ALIGNMENT
        self._blocks[address] = block
        return address

    def _ask(self, count: int) -> Array:
        block = held(self._give(count), "the allocator's memory")
        arrays.check_type(block, "the allocator's memory", "q8_unsigned")
        if tuple(block.shape) != (count,) or arrays.byte_strides(block) != (1,):
            raise invalid_argument(
                f"the allocator was asked for {count} bytes in a row, and gave an array of shape {tuple(block.shape)}"
            )
        return block

    def _release(self, _context: int | None, memory: int, _count: int) -> None:
        del self._blocks[memory]
