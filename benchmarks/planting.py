"""Plant copies of real cells, junk, conflicts and broken files, and keep the truth beside them."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Pixels = NDArray[np.uint8]
Random = np.random.Generator
FILTERS = (Pillow.Resampling.BILINEAR, Pillow.Resampling.BICUBIC, Pillow.Resampling.LANCZOS)
BORDERS = (cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT, cv2.BORDER_WRAP, cv2.BORDER_CONSTANT)
SHIFT = 0.05  # of the side, at most


def png(pixels: Pixels) -> bytes:
    """Encode without loss."""
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def jpeg(pixels: Pixels, random: Random) -> bytes:
    """Encode with a quality of 40 to 95."""
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "JPEG", quality=int(random.integers(40, 96)))
    return buffer.getvalue()


def resized(pixels: Pixels, random: Random) -> Pixels:
    """Resize by 0.5 to 2.3."""
    factor = random.uniform(0.5, 2.3)
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    smaller: Pixels = np.asarray(
        Pillow.fromarray(pixels).resize(size, FILTERS[random.integers(len(FILTERS))])
    )
    return smaller


def exposed(pixels: Pixels, random: Random) -> Pixels:
    """Brighten or darken by up to 10%."""
    changed: Pixels = np.clip(pixels * random.uniform(0.9, 1.1), 0, 255).astype(np.uint8)
    return changed


def shifted(pixels: Pixels, random: Random) -> Pixels:
    """Shift by up to 5% of the side each way and fill the border in some way."""
    height, width = pixels.shape[:2]
    down, across = 0, 0
    while down == across == 0:
        down, across = (round(random.uniform(-SHIFT, SHIFT) * side) for side in (height, width))
    move = np.array([[1, 0, across], [0, 1, down]], np.float32)
    border = BORDERS[random.integers(len(BORDERS))]
    moved: Pixels = cv2.warpAffine(pixels, move, (width, height), borderMode=border)
    return moved


def recropped(pixels: Pixels, random: Random) -> Pixels:
    """Cut off up to 5% at two sides, so that the rest is shifted and nothing is filled in."""
    height, width = pixels.shape[:2]
    top, left = (int(random.integers(1, max(2, round(SHIFT * side) + 1))) for side in (height, width))
    ways = (pixels[top:, left:], pixels[:-top, left:], pixels[top:, :-left], pixels[:-top, :-left])
    return np.ascontiguousarray(ways[random.integers(len(ways))])


def turned(pixels: Pixels, random: Random) -> Pixels:
    """Turn or mirror: one of the seven symmetries of the square that change something."""
    index = int(random.integers(1, 8))
    seen = pixels.swapaxes(0, 1) if index >= 4 else pixels
    seen = seen[:, ::-1] if index & 1 else seen
    return np.ascontiguousarray(seen[::-1] if index & 2 else seen)


def combined(pixels: Pixels, random: Random) -> bytes:
    """Shift, turn, expose, resize and encode."""
    for change in (shifted, turned, exposed, resized):
        pixels = change(pixels, random)
    return jpeg(pixels, random)


def _lossless(change: Callable[[Pixels, Random], Pixels]) -> Callable[[Pixels, Random], bytes]:
    return lambda pixels, random: png(change(pixels, random))


KINDS: dict[str, Callable[[Pixels, Random], bytes]] = {
    "bytes": lambda pixels, _: png(pixels),  # plant() writes the original's bytes instead
    "PNG": lambda pixels, _: png(pixels),
    "JPEG, quality 40..95": jpeg,
    "resized 0.5..2.3x": _lossless(resized),
    "exposure +-10%": _lossless(exposed),
    "shifted up to 5%": _lossless(shifted),
    "re-cropped up to 5%": _lossless(recropped),
    "turned or mirrored": _lossless(turned),
    "all of these": combined,
}


@dataclass(frozen=True)
class Planted:
    """The truth about a folder of cells with planted faults.

    Args:
        copies: kind and original of each planted copy, by path.
        conflicts: those of the copies that stand under another label than their original.
        junk: paths of the copies of each junk picture.
        broken: paths that cannot be read.
    """

    copies: dict[str, tuple[str, str]]
    conflicts: frozenset[str]
    junk: tuple[frozenset[str], ...]
    broken: frozenset[str]


def plant(cells: dict[str, bytes], folder: Path, *, per_kind: int, seed: int) -> Planted:
    """Write ``cells`` and faults to ``folder``: so many copies of each kind, every fifth under a wrong label.

    Args:
        cells: real cells' bytes by ``<class>/<name>``; each is copied once at most.
        folder: an empty folder.
        per_kind: how many copies of each kind, and how many broken files.
        seed: of all choices.
    """
    random = np.random.default_rng(seed)
    names, labels = sorted(cells), sorted({name.split("/")[0] for name in cells})
    written = dict(cells)
    chosen = iter([names[row] for row in random.permutation(len(names))])
    copies, conflicts = {}, set()
    for number, (kind, change) in enumerate(KINDS.items()):
        for copy, original in zip(range(per_kind), chosen, strict=False):
            label = original.split("/")[0]
            other = labels[(labels.index(label) + 1) % len(labels)]
            path = f"{other if copy % 5 == 0 else label}/planted-{number}-{copy}.png"
            pixels = np.asarray(Pillow.open(io.BytesIO(cells[original])).convert("RGB"))
            written[path] = cells[original] if kind == "bytes" else change(pixels, random)
            copies[path] = (kind, original)
            conflicts |= {path} if copy % 5 == 0 else set()
    broken = {
        f"{labels[0]}/broken-{n}.jpg": content for n, content in enumerate(_broken(cells, chosen, per_kind))
    }
    junk = tuple(_junk(labels, times, random) for times in (160, 20))
    for path, content in [*written.items(), *broken.items(), *junk[0].items(), *junk[1].items()]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return Planted(copies, frozenset(conflicts), tuple(map(frozenset, junk)), frozenset(broken))


def _broken(cells: dict[str, bytes], chosen: Iterator[str], count: int) -> Iterator[bytes]:
    """Truncate at every tenth, in turn; the first is empty."""
    for number, original in zip(range(count), chosen, strict=False):
        yield cells[original][: len(cells[original]) * (number % 10) // 10]


def _junk(labels: list[str], times: int, random: Random) -> dict[str, bytes]:
    noise = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    content = png(np.asarray(Pillow.fromarray(noise).resize((96, 96))))
    return {f"{random.choice(labels)}/junk-{times}-{number}.png": content for number in range(times)}
