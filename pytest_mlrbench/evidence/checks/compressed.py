"""Compressed outputs (gzip, bzip2, xz), unpacked within limits of bytes, memory and parts: a bomb costs what a large file costs."""

import zlib
from pathlib import Path
from typing import Any, NamedTuple

from ...patterns import lazy
from ..files import TEXT_LIMIT, read_bytes
from .arrays import MAX_BYTES
from .kinds import kind_of

MAX_PARTS = 10_000
"""Streams of one file, one behind the other; a program that appends to a compressed log makes one each time."""
MEMORY = 128 * 2**20
"""Bytes that unpacking xz may take: `xz -9` needs 65 MB, and a file may ask for 4 GB."""
CHUNK = 2**16
_PADDING = lazy(rb"\0*")


class Unpacked(NamedTuple):
    """Content of a file."""

    content: bytes
    problem: str = ""
    """Why this is not all of it, or nothing."""
    more: bool = False
    """There is more that another program could unpack."""


def unpacked(name: str, content: bytes, limit: int = MAX_BYTES) -> Unpacked:
    """What the file `name` with this content holds: the content itself unless its name says that it is packed.

    At most `limit` bytes. Never raises for what lies in it: of a damaged or cut file what comes before the damage.
    """
    packing = kind_of(name).packing
    return expand(packing, content, limit) if packing else Unpacked(content)


def expand(packing: str, content: bytes, limit: int) -> Unpacked:
    """At most `limit` bytes of what is packed by `packing`, one of kinds.PACKED."""
    import lzma

    out: list[bytes] = []
    at = got = 0
    try:
        for _ in range(MAX_PARTS):
            stream = _stream(packing)
            while not stream.eof:
                fed = content[at : at + CHUNK] if getattr(stream, "needs_input", True) else b""
                new = stream.decompress(fed, limit + 1 - got)
                at += len(fed) - len(stream.unused_data) - len(getattr(stream, "unconsumed_tail", b""))
                out.append(new)
                got += len(new)
                if got > limit:
                    problem = f"it unpacks to more than {limit / 2**20:.3g} MB, of which no more was read"
                    return Unpacked(b"".join(out)[:limit], problem, more=True)
                if not fed and not new:
                    return Unpacked(b"".join(out), f"it is cut off; {got} bytes come out of it")
            padding = _PADDING.match(content, at)
            at = padding.end() if padding else at
            if at >= len(content):
                return Unpacked(b"".join(out))
        return Unpacked(b"".join(out), f"it has more than {MAX_PARTS} parts, of which no more was read", more=True)
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
        memory = "memory usage limit" in str(error).lower()
        return Unpacked(b"".join(out), f"only {got} bytes come out of it ({error})", more=memory)


def read_packed_text(path: Path, limit: int = TEXT_LIMIT) -> str:
    """As `read_text`, of what a packed text unpacks to."""
    packing = kind_of(path.as_posix()).packing
    content = read_bytes(path, MAX_BYTES if packing else limit) or b""
    return shortened(expand(packing, content, MAX_BYTES).content if packing else content, limit).decode("utf-8", "replace")


def shortened(content: bytes, limit: int = TEXT_LIMIT) -> bytes:
    """Head and tail of what is longer than `limit`, as files.read_bytes leaves them."""
    return content if len(content) <= limit else content[: limit // 2] + b"\n" + content[-(limit // 2) :]


def _stream(packing: str) -> Any:
    if packing == ".gz":
        return zlib.decompressobj(wbits=31)
    if packing == ".bz2":
        import bz2

        return bz2.BZ2Decompressor()
    import lzma

    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY)
