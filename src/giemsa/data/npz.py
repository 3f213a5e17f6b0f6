"""Read arrays from an npz file in pieces, with nothing pickled and nothing unpacked before it is checked."""

import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, NoReturn

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from giemsa.data.archives import READ_ERRORS, open_entries
from giemsa.errors import UsageError

_MAX_VALUE_BYTES = 4096
_VERSION_1 = (1, 0)
_SURROGATES = (0xD800, 0xDFFF)


@dataclass(frozen=True)
class Header:
    """What an array declares of itself: its shape and the type of its values."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def row_bytes(self) -> int:
        """Bytes of one entry along the first axis."""
        return prod(self.shape[1:]) * self.dtype.itemsize


class NpzFile:
    """The arrays of one npz file, by name.

    Args:
        file: the npz file.

    Raises:
        UsageError: if it is no zip, or not safe to read; also from every method below.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._members = {path.removesuffix(".npy"): info for path, info in open_entries(file)}

    def __contains__(self, name: str) -> bool:
        """Say whether there is an array of this name."""
        return name in self._members

    def header(self, name: str) -> Header:
        """Read an array's header, and check that the array is as long as it declares."""
        info = self._members[name]
        with self._open(name) as stream:
            header = self._read_header(stream, name)
            declared = stream.tell() + prod(header.shape) * header.dtype.itemsize
        if declared != info.file_size:
            self.refuse(
                name, f"declares {declared:,} bytes and holds {info.file_size:,}", "save the file again"
            )
        return header

    def rows(self, name: str) -> Iterator[NDArray[np.generic]]:
        """Read an array's entries along the first axis one by one."""
        with self._open(name) as stream:
            header = self._read_header(stream, name)
            for _ in range(header.shape[0]):
                content = self._read_exactly(stream, header.row_bytes, name)
                yield np.frombuffer(content, dtype=header.dtype).reshape(header.shape[1:])

    def values(self, name: str) -> list[int | str]:
        """Read a whole array of whole numbers or text, of shape (n,) or (n, 1)."""
        header = self.header(name)
        if (
            header.dtype.kind not in "iuUS"
            or header.row_bytes > _MAX_VALUE_BYTES
            or header.shape[1:] not in {(), (1,)}
        ):
            self.refuse(
                name, f"has shape {header.shape} and type {header.dtype}", "save one number or text each"
            )
        with self._open(name) as stream:
            self._read_header(stream, name)
            content = self._read_exactly(stream, header.row_bytes * header.shape[0], name)
        if header.dtype.kind == "U":
            codes = np.frombuffer(content, dtype=np.dtype(np.uint32).newbyteorder(header.dtype.byteorder))
            if np.any((codes > sys.maxunicode) | ((codes >= _SURROGATES[0]) & (codes <= _SURROGATES[1]))):
                self.refuse(name, "holds text that is no Unicode", "save the names again")
        values: list[int | str | bytes] = np.frombuffer(content, dtype=header.dtype).tolist()
        return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]

    def refuse(self, name: str, reason: str, mend: str) -> NoReturn:
        """Stop with one sentence about the array ``name``."""
        message = f'The array "{name}" of {self._file} {reason}: {mend}.'
        raise UsageError(message)

    def _open(self, name: str) -> IO[bytes]:
        try:
            # The stream keeps the archive open, and closes it with itself.
            return zipfile.ZipFile(self._file).open(self._members[name])
        except READ_ERRORS as error:
            self.refuse(name, f"cannot be opened ({_phrase(error)})", "save or copy the file again")

    def _read_header(self, stream: IO[bytes], name: str) -> Header:
        try:
            read = (
                npy.read_array_header_1_0
                if npy.read_magic(stream) == _VERSION_1
                else npy.read_array_header_2_0
            )
            shape, by_column, dtype = read(stream)
        except (*READ_ERRORS, SyntaxError, TypeError) as error:
            self.refuse(name, f"is damaged ({_phrase(error)})", "save or copy the file again")
        if dtype.hasobject:
            self.refuse(
                name, "holds pickled Python objects, which are never loaded", "save plain numbers or text"
            )
        if not shape:
            self.refuse(name, "is a single value", "save one entry for each image")
        if min(shape) < 0:
            self.refuse(name, f"declares the shape {shape}", "save the file again")
        if by_column and prod(shape) > max(shape):
            self.refuse(name, "is stored column by column", "save it through numpy.ascontiguousarray")
        return Header(shape, dtype)

    def _read_exactly(self, stream: IO[bytes], size: int, name: str) -> bytes:
        try:
            content = stream.read(size)
        except READ_ERRORS as error:
            self.refuse(name, f"is damaged ({_phrase(error)})", "save or copy the file again")
        if len(content) != size:
            self.refuse(name, "is cut off", "save or copy the file again")
        return content


def _phrase(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
