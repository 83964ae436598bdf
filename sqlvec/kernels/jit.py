"""The one way to compile a loop, and the machine operations that numba does not offer.

Kernels run without the interpreter lock and are cached on disk; no reordering that loses NaN is allowed.
A kernel is compiled for the array types that it first sees (writable, and read-only for memory-mapped
segments); index.warm shows it both before the server listens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])
_FASTMATH = {"contract", "reassoc"}


KERNELS: list[Any] = []  # every kernel that there is, and so what has been compiled of each


def kernel(function: F) -> F:
    """Compiles a loop over flat arrays."""
    compiled = njit(nogil=True, cache=True, fastmath=_FASTMATH, error_model="numpy")(function)
    KERNELS.append(compiled)
    return cast(F, compiled)


def inlined(function: F) -> F:
    """A piece of a loop, put into the kernels that call it."""
    compiled = njit(
        nogil=True, cache=True, fastmath=_FASTMATH, error_model="numpy", inline="always"
    )(function)
    return cast(F, compiled)


def _element_pointer(context: Any, builder: Any, sig: Any, args: Any, item: int) -> Any:
    array = context.make_array(sig.args[0])(context, builder, args[0])
    index = context.cast(builder, args[item], sig.args[item], types.int64)
    return builder.gep(array.data, [index])


@intrinsic
def prefetch(typingctx: Any, array: Any, row: Any, offset: Any) -> Any:
    """Asks for the cache line `offset` bytes into array[row]."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array = context.make_array(sig.args[0])(context, builder, args[0])
        stride = cgutils.unpack_tuple(builder, array.strides)[0]
        row = context.cast(builder, args[1], sig.args[1], types.int64)
        offset = context.cast(builder, args[2], sig.args[2], types.int64)
        pointer_type = ir.IntType(8).as_pointer()
        base = builder.bitcast(array.data, pointer_type)
        pointer = builder.gep(base, [builder.add(builder.mul(row, stride), offset)])
        i32 = ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [pointer_type, i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        builder.call(function, [pointer, i32(0), i32(3), i32(1)])
        return context.get_dummy_value()

    return types.void(array, row, offset), generate


@intrinsic
def try_lock(typingctx: Any, locks: Any, index: Any) -> Any:
    """Takes locks[index] (i32, 0 free) if it is free; true when taken. Acquire order."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element_pointer(context, builder, sig, args, 1)
        i32 = ir.IntType(32)
        result = builder.cmpxchg(pointer, i32(0), i32(1), "acq_rel", "monotonic")
        return builder.extract_value(result, 1)

    return types.boolean(locks, index), generate


@intrinsic
def unlock(typingctx: Any, locks: Any, index: Any) -> Any:
    """Gives locks[index] back; what was written before is seen by the next holder."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element_pointer(context, builder, sig, args, 1)
        builder.store_atomic(ir.IntType(32)(0), pointer, "release", 4)
        return context.get_dummy_value()

    return types.void(locks, index), generate


@intrinsic
def publish(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index] = value (i64), after everything written before it."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element_pointer(context, builder, sig, args, 1)
        value = context.cast(builder, args[2], sig.args[2], types.int64)
        builder.store_atomic(value, pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(array, index, value), generate


@intrinsic
def trailing_zeros(typingctx: Any, word: Any) -> Any:
    """The place of the lowest set bit of a u64 that is not zero."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.int64(types.uint64), generate


@intrinsic
def count_ones(typingctx: Any, word: Any) -> Any:
    """How many bits of a u64 are set."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), generate


@intrinsic
def float_bits(typingctx: Any, value: Any) -> Any:
    """The bits of a float32 as u32."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@intrinsic
def bits_float(typingctx: Any, value: Any) -> Any:
    """The float32 that has these bits."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def copy_bytes(typingctx: Any, out: Any, to: Any, data: Any, start: Any, size: Any) -> Any:
    """out[to : to + size] = data[start : start + size], both u8, as memcpy does it."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target, source = (
            context.make_array(sig.args[item])(context, builder, args[item]).data
            for item in (0, 2)
        )
        to, start, size = (
            context.cast(builder, args[item], sig.args[item], types.int64) for item in (1, 3, 4)
        )
        cgutils.raw_memcpy(
            builder, builder.gep(target, [to]), builder.gep(source, [start]), size, 1
        )
        return context.get_dummy_value()

    return types.void(out, to, data, start, size), generate


U64_ONE = np.uint64(1)
