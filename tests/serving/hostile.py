"""Pictures that were made to do harm, or that an accident left behind."""

import io
import struct
import zlib

import numpy as np
from PIL import Image as Pillow


def encoded(kind: str, size: tuple[int, int] = (40, 40), mode: str = "RGB", **options: object) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, body: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def tiff_that_bites_its_tail() -> bytes:
    """A directory of no entries whose successor is itself."""
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 0) + struct.pack("<I", 8)


def tiff_of_lies() -> bytes:
    """One strip, said to be two gigabytes long and to lie beyond the file's end."""
    tags = [
        (256, 40),
        (257, 40),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 0x7FFFFFFF),
        (278, 40),
        (279, 0x7FFFFFFF),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)


def corpus() -> dict[str, bytes]:
    """Give every picture by name."""
    jpeg, whole_png = encoded("JPEG"), encoded("PNG")
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 70_000_000))
    made: dict[str, bytes] = {
        "empty": b"",
        "one byte": b"\xff",
        "text": b"label,confidence\nig,1\n",
        "page": b"<html><script>alert(1)</script></html>",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "zip": b"PK\x03\x04" + b"\0" * 60,
        "gif": encoded("GIF", mode="P"),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n(/etc/passwd) run\n",
        "pdf": b"%PDF-1.7\n1 0 obj<<>>endobj",
        "jpeg cut in its header": jpeg[:20],
        "jpeg cut in its picture": jpeg[: len(jpeg) // 2],
        "jpeg behind junk": b"\0" * 10 + jpeg,
        "jpeg then a page": jpeg + b"<script>alert(1)</script>",
        "jpeg in cmyk": encoded("JPEG", mode="CMYK"),
        "jpeg that says it is huge": jpeg.replace(b"\x00\x28\x00\x28\x03", b"\xff\xff\xff\xff\x03"),
        "png bomb": png(60_000, 60_000),
        "png of nothing": png(0, 0),
        "png without pixels": png(40, 40),
        "png with too many": png(2, 2, b"\0" * 5_000_000),
        "png of one row": encoded("PNG", (4_000, 1)),
        "png of one pixel": encoded("PNG", (1, 1)),
        "png with a text bomb": whole_png[:33] + text + whole_png[33:],
        "png with a broken sum": whole_png[:-8] + b"\0" * 8,
        "tiff in a circle": tiff_that_bites_its_tail(),
        "tiff of lies": tiff_of_lies(),
        "tiff cut": encoded("TIFF")[:100],
        "bmp of negative height": encoded("BMP").replace(struct.pack("<i", 40), struct.pack("<i", -40), 1),
        "bmp of lies": encoded("BMP")[:18] + b"\xff\xff\xff\x7f" * 2 + encoded("BMP")[26:],
        "webp cut": encoded("WEBP")[:60],
        "webp that moves": encoded("WEBP", save_all=True),
    }
    return made | {f"{kind} scratched {seed}": scratched(kind, seed) for kind in KINDS for seed in range(5)}


KINDS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")


def scratched(kind: str, seed: int) -> bytes:
    """Overwrite a few bytes of a good picture."""
    rng = np.random.default_rng(seed)
    content = np.frombuffer(encoded(kind), np.uint8).copy()
    places = rng.integers(0, len(content) if seed % 2 else min(200, len(content)), 1 + 3 * seed)
    content[places] = rng.integers(0, 256, len(places))
    return content.tobytes()
