"""Plant the faults of real collections among the drawn cells."""

import io
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from giemsa.data.drawing import draw_cell

#: Drawn cells of each class, in about the proportions of the published cells.
COUNTS = {
    "basophil": 82, "eosinophil": 200, "erythroblast": 100, "ig": 184,
    "lymphocyte": 82, "monocyte": 94, "neutrophil": 214, "platelet": 152,
}  # fmt: skip
#: Copies of each junk picture, under labels at random.
JUNK = {"testcard": 60, "rings": 20}
COPIES = 8  # of each of four kinds
CONFLICTS, TRUNCATED, EMPTY, TEXTS = 3, 4, 2, 1
#: How many images there are, told without drawing them.
IMAGES = sum(COUNTS.values()) + sum(JUNK.values()) + 4 * COPIES + CONFLICTS + TRUNCATED + EMPTY + TEXTS
_SEED = 2024
_NATIVE_EVERY = 40  # one in so many is as large as the published originals
_NATIVE = {"height": 360, "width": 363, "scale": 200 / 96}
_SIDE = 96

Pixels = NDArray[np.uint8]


def demo_files() -> Mapping[str, bytes]:
    """Draw the demo: about 1,250 files by path, cells and planted faults, the same bytes at every call.

    What is planted says so in its name: ``_resaved``, ``_resized``, ``_shifted``, ``_turned``,
    ``_relabelled`` (the original's bytes under another class), ``_truncated``, ``_empty``,
    ``testcard``, ``rings`` and ``notes``.
    """
    places = [(kind, number) for kind, count in COUNTS.items() for number in range(1, count + 1)]
    with ThreadPoolExecutor() as pool:
        drawn = list(pool.map(_cell, range(len(places)), [kind for kind, _ in places]))
    cells = {
        f"{kind}/{kind[:2].upper()}_{number:04d}": cell
        for (kind, number), cell in zip(places, drawn, strict=True)
    }
    rng = np.random.default_rng(_SEED)
    files = {f"{stem}.jpg": content for stem, content in cells.items()}
    files |= _copies(cells, rng)
    files |= _relabelled(cells, rng)
    files |= _junk(rng)
    files |= _broken(cells, rng)
    return files


def _cell(index: int, kind: str) -> bytes:
    rng = np.random.default_rng([_SEED, index])
    native = index % _NATIVE_EVERY == 0
    picture = draw_cell(kind, rng, **_NATIVE) if native else draw_cell(kind, rng)  # type: ignore[arg-type]
    return _encode(picture, "JPEG", quality=int(rng.integers(84, 97)))


def _copies(cells: Mapping[str, bytes], rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for kind in ("resaved", "resized", "shifted", "turned"):
        for number, stem in enumerate(rng.choice(sorted(cells), COPIES, replace=False)):
            picture = _decode(cells[stem])
            if kind == "resaved":
                suffix, content = _resaved(picture, number)
            else:
                suffix, content = "jpg", _encode(_ALTERED[kind](picture, rng), "JPEG", quality=92)
            yield f"{stem}_{kind}.{suffix}", content


def _resaved(picture: Pixels, number: int) -> tuple[str, bytes]:
    ways: tuple[tuple[str, str, dict[str, int]], ...] = (
        ("png", "PNG", {}),
        ("jpg", "JPEG", {"quality": 60}),
        ("webp", "WEBP", {"quality": 85}),
    )
    suffix, form, options = ways[number % len(ways)]
    return suffix, _encode(picture, form, **options)


def _resized(picture: Pixels, rng: np.random.Generator) -> Pixels:
    height, width = picture.shape[:2]
    factor = rng.uniform(0.6, 1.8)
    target = (round(width * factor), round(height * factor))
    return np.asarray(Pillow.fromarray(picture).resize(target, Pillow.Resampling.LANCZOS))


def _shifted(picture: Pixels, rng: np.random.Generator) -> Pixels:
    reach = round(0.04 * min(picture.shape[:2]))
    down, right = rng.integers(-reach, reach + 1, size=2)
    padded = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    return padded[reach + down :, reach + right :][: picture.shape[0], : picture.shape[1]]


def _turned(picture: Pixels, rng: np.random.Generator) -> Pixels:
    turned = np.rot90(picture, int(rng.integers(1, 4)))
    return turned[:, ::-1] if rng.random() < 1 / 2 else turned


_ALTERED = {"resized": _resized, "shifted": _shifted, "turned": _turned}


def _relabelled(cells: Mapping[str, bytes], rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for stem in rng.choice(sorted(cells), CONFLICTS, replace=False):
        kind, name = stem.split("/")
        other = rng.choice([each for each in COUNTS if each != kind])
        yield f"{other}/{name}_relabelled.jpg", cells[stem]


def _junk(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    y, x = np.mgrid[:_SIDE, :_SIDE]
    card = np.stack([x * 255 // _SIDE, y * 255 // _SIDE, (x // 12 + y // 12) % 2 * 255], axis=-1)
    rings = np.repeat((np.hypot(x - 40, y - 60) // 6 % 2 * 220)[..., None], 3, axis=-1)
    for name, picture in (("testcard", card), ("rings", rings)):
        content = _encode(picture.astype(np.uint8), "PNG")
        for number, kind in enumerate(rng.choice(list(COUNTS), JUNK[name])):
            yield f"{kind}/{name}_{number + 1:02d}.png", content


def _broken(cells: Mapping[str, bytes], rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    stems = rng.choice(sorted(cells), TRUNCATED + EMPTY, replace=False)
    for stem in stems[:TRUNCATED]:
        yield f"{stem}_truncated.jpg", cells[stem][: len(cells[stem]) // 2]
    for stem in stems[TRUNCATED:]:
        yield f"{stem}_empty.jpg", b""
    yield "monocyte/notes.jpg", b"These are my notes on the slides of Tuesday, not a picture.\n"
    yield "platelet/Thumbs.db", b"a file manager's own"


def _encode(picture: Pixels, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, form, **options)
    return buffer.getvalue()


def _decode(content: bytes) -> Pixels:
    with Pillow.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)
