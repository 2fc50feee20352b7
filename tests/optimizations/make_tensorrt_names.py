"""Lists the names that a release of TensorRT's Python bindings defines, from its wheel alone.

The bindings cannot be imported without TensorRT's libraries, but every name that pybind11 registers is a string that
the module's code loads by its address. Linkers let a string share the tail of a longer one ("Logger" lies within
"ILogger"), so that only the addresses tell which strings are meant: those that an instruction (lea, relative to the
instruction pointer) or a relocation names. x86-64 only. The list holds more than the API (names of C++ functions,
words of messages) and knows no classes: a name that is not in it certainly does not exist.

    pip download --no-deps --no-binary :none: tensorrt-cu13-bindings==11.4.0.106
    python tests/optimizations/make_tensorrt_names.py *.whl
"""

from __future__ import annotations

import re
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).with_name("tensorrt_names")
_IDENTIFIER = re.compile(rb"[A-Za-z][A-Za-z0-9_]{1,60}\0")
_LEA = re.compile(rb"[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]", re.DOTALL)
_FOREIGN = re.compile(r"nvinfer1|nvonnxparser|pybind11|tensorrt\d|^(Py|GLIBC|_?Z|N?St\d)|^[FNPS]\w*\d\w*E$")
"""C++ types, and CPython's own functions."""
_LOAD, _EXECUTABLE, _RELATIVE, _RELA = 1, 1, 8, 4


def names(library: bytes) -> set[str]:
    """Identifiers whose addresses the code or the data of an ELF library holds."""
    segments = list(_segments(library))
    found = set()
    for address in (*_addresses_in_code(library, segments), *_relocated(library)):
        for start, offset, size, _ in segments:
            if start <= address < start + size:
                match = _IDENTIFIER.match(library, offset + address - start)
                if match:
                    found.add(match[0][:-1].decode())
    return found


def _segments(library: bytes) -> Iterator[tuple[int, int, int, bool]]:
    """Virtual address, file offset, size and executability of what is loaded."""
    table, size, count = *struct.unpack_from("<Q", library, 32), *struct.unpack_from("<HH", library, 54)
    for index in range(count):
        kind, flags, offset, address, _, held, _, _ = struct.unpack_from("<IIQQQQQQ", library, table + index * size)
        if kind == _LOAD:
            yield address, offset, held, bool(flags & _EXECUTABLE)


def _addresses_in_code(library: bytes, segments: list[tuple[int, int, int, bool]]) -> Iterator[int]:
    for start, offset, size, executable in segments:
        for match in _LEA.finditer(library, offset, offset + size) if executable else ():
            after = match.end() + 4
            if after <= len(library):
                yield start + (after - offset) + struct.unpack_from("<i", library, match.end())[0]


def _relocated(library: bytes) -> Iterator[int]:
    table, size, count = *struct.unpack_from("<Q", library, 40), *struct.unpack_from("<HH", library, 58)
    for index in range(count):
        _, kind, _, _, offset, held, _, _, _, each = struct.unpack_from("<IIQQQQIIQQ", library, table + index * size)
        for entry in range(offset, offset + held, each) if kind == _RELA else ():
            _, info, addend = struct.unpack_from("<QQq", library, entry)
            if info & 0xFFFFFFFF == _RELATIVE:
                yield addend


def main() -> None:
    """Writes one list for each wheel that is named."""
    for wheel in map(Path, sys.argv[1:]):
        version = wheel.name.split("-")[1]
        with zipfile.ZipFile(wheel) as archive:
            found = names(archive.read("tensorrt_bindings/tensorrt.so"))
        kept = sorted(name for name in found if not _FOREIGN.search(name) and len(name) > 2)
        (FOLDER / f"{version}.txt").write_text("\n".join(kept) + "\n")
        print(f"{version}: {len(kept)} names")


if __name__ == "__main__":
    main()
