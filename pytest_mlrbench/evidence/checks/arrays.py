"""Numbers of binary result files, read without executing anything: npy, npz, Parquet, Feather, TensorBoard, the floats of pickles.

A pickle is taken apart into its opcodes, never loaded: numbers that stand in it as such are read, what a class would make of its
bytes is not.
"""

import io
import itertools
import math
import pickletools
import struct
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .kinds import EVENTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ARRAY_SUFFIXES = frozenset((".npy", ".npz", ".parquet", ".feather", ".pkl", ".pickle", EVENTS))
MAX_BYTES = 32 * 2**20
"""Bytes of one array in memory; a longer one is not read."""
MAX_MEMBERS = 200
MAX_VALUES = 2_000
"""Numbers of one array that are looked at one by one; of a longer one, a data set, the statistics only: as many numbers as that
would bear out any claim."""
MAX_LINES = 500
"""Rows and columns of one array that get statistics of their own."""
MAX_OPCODES = 150_000

Series = tuple[tuple[str, ...], list[float]]
"""Names and numbers in order."""


class Unreadable(Exception):
    """A file whose numbers we do not get at, or not all of them; the text says why."""


class Withheld(Unreadable):
    """One that another program could read: its numbers may be there, and that we do not find them says nothing."""


def series_of(suffix: str, content: bytes) -> Iterator[Series]:
    """Rows of numbers of a binary file: one or more (names, values). Raises Unreadable with the reason, after what was read."""
    if suffix == ".npy":
        yield from _array((), content)
    elif suffix == ".npz":
        yield from _archive(content)
    elif suffix in (".parquet", ".feather"):
        yield from _columns(suffix, content)
    elif suffix == EVENTS:
        from .tensorboard import scalars

        yield from scalars(content)
    else:
        yield from pickled(content)


def _archive(content: bytes) -> Iterator[Series]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise Unreadable(f"it is no npz archive ({error})") from error
    budget = MAX_BYTES
    with archive:
        for member in archive.infolist()[:MAX_MEMBERS]:
            budget -= member.file_size
            if budget < 0:
                raise Withheld(f"its arrays are longer than {MAX_BYTES >> 20} MB")
            try:
                with archive.open(member) as file:
                    data = file.read(member.file_size)
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as error:
                raise Unreadable(f"{member.filename}: {error}") from error
            yield from _array((member.filename.removesuffix(".npy"),), data)


def _array(names: tuple[str, ...], content: bytes) -> Iterator[Series]:
    """One npy array. Its header is checked first: it may claim any size."""
    import numpy as np

    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(stream)
    except (ValueError, TypeError, SyntaxError, OSError, MemoryError, RecursionError) as error:
        raise Unreadable(f"it is no npy array ({error})") from error
    if dtype.hasobject:
        yield from ((names + own, values) for own, values in pickled(content[stream.tell() :]))
        return
    size = math.prod(shape) * dtype.itemsize
    rest = content[stream.tell() :]
    if dtype.kind not in "fiub" or size > len(rest) or size > MAX_BYTES:
        return
    array = np.frombuffer(rest[:size], dtype=dtype).reshape(shape, order="F" if fortran else "C")
    yield from _lines(names, array.astype(np.float64))


def _lines(names: tuple[str, ...], array: "NDArray[np.float64]") -> Iterator[Series]:
    """An array's numbers, and each of its rows and columns."""
    flat = array.reshape(-1)
    yield names, [float(value) for value in flat]
    if array.ndim < 2 or flat.size > MAX_BYTES // 8:
        return
    table = array.reshape(array.shape[0], -1)
    for axis, view in (("row", table), ("column", table.T)):
        if 1 < view.shape[0] <= MAX_LINES and view.shape[1] > 1:
            for index, line in enumerate(view):
                yield (*names, f"{axis} {index}"), [float(value) for value in line]


def _columns(suffix: str, content: bytes) -> Iterator[Series]:
    try:
        import pyarrow  # type: ignore[import-untyped]
        from pyarrow import feather, parquet
    except ImportError:
        raise Withheld("pyarrow is not installed (pip install pytest-mlrbench[parquet])") from None
    try:
        table: Any = parquet.read_table(io.BytesIO(content)) if suffix == ".parquet" else feather.read_table(io.BytesIO(content))
        for name in table.column_names[:MAX_LINES]:
            kind = table.schema.field(name).type
            if pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind):
                values = table.column(name).slice(0, MAX_BYTES // 64).to_pylist()
                yield (str(name),), [float(value) for value in values if value is not None]
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Unreadable(str(error)) from error


def pickled(content: bytes) -> Iterator[Series]:
    """Floats that stand in a pickle's opcodes, each under the last text before it."""
    name = ""
    values: list[float] = []
    try:
        argument: Any
        for opcode, argument, _ in itertools.islice(pickletools.genops(content), MAX_OPCODES):
            if opcode.name in ("FLOAT", "BINFLOAT"):
                values.append(float(argument))
            elif opcode.name in ("SHORT_BINBYTES", "BINBYTES") and len(argument) == 8:
                number = struct.unpack("<d", argument)[0]
                if math.isfinite(number) and 1e-9 < abs(number) < 1e9:
                    values.append(number)
            elif opcode.name in ("SHORT_BINUNICODE", "BINUNICODE", "UNICODE") and len(argument) > 1:
                if values:
                    yield (name,) if name else (), values
                name, values = str(argument)[:80], []
    except (ValueError, IndexError, KeyError, struct.error, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise Unreadable(f"it is no pickle ({type(error).__name__})") from error
    if values:
        yield (name,) if name else (), values
