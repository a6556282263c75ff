"""Scalars of TensorBoard's event files, by a reader of our own: TensorBoard's package (protobuf, grpc) is too heavy for a check.

A file is a row of records: length (uint64), its checksum, an `Event` in protobuf, its checksum (all little-endian). Scalars are
`simple_value` (PyTorch, tensorboardX) or a tensor of one element (TensorFlow 2). Formats: tensorflow/core/lib/io/record_writer.h,
core/util/event.proto, core/framework/{summary,tensor}.proto.
"""

import math
import struct
from collections.abc import Iterator

from .arrays import Series, Unreadable, Withheld

MAX_RECORD = 2**16
"""Bytes of one record; a longer one holds a picture or a histogram."""
MAX_READ = 8 * 2**20
"""Bytes of all records that are taken apart: 150,000 scalars."""
MAX_TAGS = 10_000
TAG = 200
"""Characters of a tag that are kept."""
_CRC = list(range(256))
for _ in range(8):
    _CRC = [value >> 1 ^ (value & 1) * 0x82F63B78 for value in _CRC]
_FLOAT, _DOUBLE = 1, 2
_PACKED = {5: "<f", 6: "<d"}
"""Fields of TensorProto with its elements in a row."""
_CONTENT = {_FLOAT: "<f", _DOUBLE: "<d", 3: "<i", 9: "<q", 19: "<e"}
"""DataType -> format of an element in `tensor_content`."""


def scalars(content: bytes) -> Iterator[Series]:
    """Each tag with its values in order. A cut last record, as of a killed program, is no error; other damage is told at the end.

    Raises Unreadable (damaged) and Withheld (more than is read) after what was read.
    """
    series: dict[str, list[float]] = {}
    problem: Unreadable | None = None
    at = read = 0
    while at + 12 <= len(content):
        length, checksum = struct.unpack_from("<QI", content, at)
        if checksum != masked_crc(content[at : at + 8]):
            problem = Unreadable(f"it is damaged, or no event file, at byte {at}")
            break
        if length > len(content) - at - 12:
            break
        read += length if length <= MAX_RECORD else 0
        if read > MAX_READ:
            problem = Withheld(f"only the first {MAX_READ >> 20} MB of its scalars were read")
            break
        try:
            for tag, value in _event(content[at + 12 : at + 12 + length]) if length <= MAX_RECORD else ():
                if tag in series or len(series) < MAX_TAGS:
                    series.setdefault(tag, []).append(value)
                else:
                    problem = Withheld(f"only the first {MAX_TAGS} of its tags were read")
        except (ValueError, IndexError, struct.error) as error:
            problem = Unreadable(f"its record at byte {at} is damaged ({error})")
        at += 16 + length
    yield from (((tag,), values) for tag, values in series.items())
    if problem is not None:
        raise problem


def masked_crc(data: bytes) -> int:
    """CRC-32C of `data`, masked as records have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _event(data: bytes) -> Iterator[tuple[str, float]]:
    for field, summary in _fields(data):
        if field == 5 and isinstance(summary, bytes):
            for number, value in _fields(summary):
                if number == 1 and isinstance(value, bytes):
                    yield from _value(value)


def _value(data: bytes) -> Iterator[tuple[str, float]]:
    tag, number = "", math.nan
    for field, value in _fields(data):
        if field == 1 and isinstance(value, bytes):
            tag = value.decode("utf-8", "replace")[:TAG]
        elif field == 2 and isinstance(value, bytes) and len(value) == 4:
            number = _shortest(value)
        elif field == 8 and isinstance(value, bytes):
            number = _tensor(value)
    if math.isfinite(number):
        yield tag, number


def _tensor(data: bytes) -> float:
    """The one number of a tensor; NaN for any other."""
    kind, element, format_ = 0, b"", ""
    for field, value in _fields(data):
        if field == 1 and isinstance(value, int):
            kind = value
        elif isinstance(value, bytes) and (field == 4 or field in _PACKED):
            element, format_ = value, _PACKED.get(field, "content")
    format_ = _CONTENT.get(kind, "") if format_ == "content" else format_
    if not format_ or len(element) != struct.calcsize(format_):
        return math.nan
    return _shortest(element) if format_ == "<f" else float(struct.unpack(format_, element)[0])


def _shortest(raw: bytes) -> float:
    """The shortest decimal number that is this float32: 0.8734 was logged, not 0.8734000325202942, and may have been typed."""
    exact: float = struct.unpack("<f", raw)[0]
    if not math.isfinite(exact) or abs(exact) > 1e38:
        return exact
    return next((near for digits in (6, 7, 8) if struct.pack("<f", near := float(f"{exact:.{digits}g}")) == raw), exact)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message: an int of a varint, else its bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            number, at = _varint(data, at)
            yield key >> 3, number
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"a field of type {wire}")
        if size > len(data) - at:
            raise ValueError("a field longer than its record")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        byte = data[at + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    raise ValueError("a number of more than 10 bytes")
