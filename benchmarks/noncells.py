"""Pictures that are no blood cell, by kind: drawn here, or shipped by packages that are installed anyway.

None of these kinds is among those that the rejection learned from (``giemsa.evaluation.strangers``).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from giemsa.curation.reading import decode, view
from giemsa.data.sources import open_source
from giemsa.settings import Image

SIDE = 96
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;+-"

Views = NDArray[np.uint8]
Painter = Callable[[np.random.Generator], NDArray[Any]]


def kinds(
    count: int, seed: int, pictures: Path | None = None, smears: Path | None = None
) -> dict[str, Views]:
    """Make ``count`` views of each kind.

    Args:
        count: views of a kind.
        seed: of the drawing and cropping.
        pictures: a folder of pictures that are no cells; crops of each are a kind of their own.
        smears: published 360 x 363 pictures of cells, whose corners hold no white cell.
    """
    rng = np.random.default_rng(seed)
    made = {name: _many(paint, count, rng) for name, paint in PAINTERS.items()}
    photographs = _photographs()
    made["photograph"] = np.stack([_crop(photographs[i % len(photographs)], rng) for i in range(count)])
    if pictures is not None:
        image = Image(size=SIDE, crop_px=SIDE, max_pixels=100_000_000, max_bytes=100_000_000)
        for item in open_source(pictures, image).items():
            if item.content is not None:
                rgb = decode(item.content, image).rgb
                made[f"picture {Path(item.path).stem}"] = np.stack(
                    [_crop(rgb, rng) for _ in range(count // 2)]
                )
    if smears is not None:
        made |= _smears(smears, count, rng)
    return made


def _many(paint: Painter, count: int, rng: np.random.Generator) -> Views:
    return np.stack([np.clip(np.rint(paint(rng)), 0, 255).astype(np.uint8) for _ in range(count)])


def _photographs() -> list[Views]:
    import matplotlib.cbook
    from sklearn.datasets import load_sample_images

    portrait = cv2.imread(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    return [*load_sample_images().images, np.asarray(portrait)[..., ::-1]]


def _crop(rgb: Views, rng: np.random.Generator) -> Views:
    largest = min(rgb.shape[:2])
    side = int(rng.integers(min(SIDE, largest), largest + 1))
    top, left = (int(rng.integers(0, length - side + 1)) for length in rgb.shape[:2])
    piece = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    return np.asarray(cv2.resize(piece, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _smears(source: Path, count: int, rng: np.random.Generator) -> dict[str, Views]:
    """Cut fields with red cells alone, magnified and, at their own scale, mirrored."""
    image = Image(size=SIDE, crop_px=10_000, max_pixels=100_000_000, max_bytes=100_000_000)
    contents = [item.content for item in open_source(source, image).items() if item.content is not None]
    near, whole = [], []
    for row in rng.choice(len(contents), count, replace=False):
        rgb = decode(contents[row], image).rgb
        corner = rgb[-88:, -88:] if rng.random() < 0.5 else rgb[:88, :88]
        near.append(view(corner, image))
        small = view(corner, image.model_copy(update={"size": 42}))
        whole.append(cv2.copyMakeBorder(small, 27, 27, 27, 27, cv2.BORDER_REFLECT))
    return {"smear without a cell, magnified": np.stack(near), "smear without a cell": np.stack(whole)}


def _noise(rng: np.random.Generator) -> NDArray[Any]:
    return rng.integers(0, 256, (SIDE, SIDE, 3))


def _grey_noise(rng: np.random.Generator) -> NDArray[Any]:
    return rng.normal(128, rng.uniform(10, 60), (SIDE, SIDE, 1)).repeat(3, axis=2)


def _blank(rng: np.random.Generator) -> NDArray[Any]:
    colour = np.full(3, rng.choice([0, 255])) if rng.random() < 0.1 else rng.integers(0, 256, 3)
    return np.broadcast_to(colour, (SIDE, SIDE, 3))


def _empty_field(rng: np.random.Generator) -> NDArray[Any]:
    colour = np.array([246, 222, 200]) + rng.normal(0, 8, 3)
    return np.asarray(colour + rng.normal(0, rng.uniform(0, 4), (SIDE, SIDE, 3)))


def _gradient(rng: np.random.Generator) -> NDArray[Any]:
    across = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    straight = 0.5 + np.cos(angle) * across[0] + np.sin(angle) * across[1]
    level = np.clip(straight if rng.random() < 0.5 else 1.4 * np.hypot(*across), 0, 1)[..., None]
    first, last = rng.integers(0, 256, (2, 3))
    return np.asarray(first * (1 - level) + last * level)


def _stripes(rng: np.random.Generator) -> NDArray[Any]:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    period, angle = rng.integers(3, 24), rng.uniform(0, np.pi)
    stripes = (np.cos(angle) * columns + np.sin(angle) * rows) // period
    board = rows // period + columns // period
    first, last = rng.integers(0, 256, (2, 3))
    chosen = stripes if rng.random() < 0.5 else board
    return np.asarray(np.where(chosen[..., None] % 2 == 0, first, last))


def _text(rng: np.random.Generator) -> NDArray[Any]:
    page = np.full((SIDE, SIDE, 3), rng.integers(200, 256, 3), np.uint8)
    for line in range(rng.integers(2, 7)):
        words = "".join(rng.choice(list(LETTERS), 14))
        ink = rng.integers(0, 120, 3).tolist()
        cv2.putText(
            page,
            words,
            (int(rng.integers(0, 15)), 12 + 14 * line),
            0,
            rng.uniform(0.3, 0.6),
            ink,
            1,
            cv2.LINE_AA,
        )
    return page


def _shapes(rng: np.random.Generator) -> NDArray[Any]:
    picture = np.full((SIDE, SIDE, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(rng.integers(1, 6)):
        corners = rng.integers(0, SIDE, (rng.integers(3, 7), 1, 2)).astype(np.int32)
        cv2.fillPoly(picture, [corners], rng.integers(0, 256, 3).tolist())
    return picture


def _disc(rng: np.random.Generator) -> NDArray[Any]:
    picture = np.full((SIDE, SIDE, 3), rng.integers(220, 256, 3), np.uint8)
    x, y = rng.integers(42, 55, 2).tolist()
    cv2.circle(picture, (x, y), int(rng.integers(12, 36)), rng.integers(0, 256, 3).tolist(), -1, cv2.LINE_AA)
    return picture


def _plot(rng: np.random.Generator) -> NDArray[Any]:
    page = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for _ in range(rng.integers(1, 4)):
        heights = SIDE / 2 + np.cumsum(rng.normal(0, 6, SIDE // 4))
        points = np.stack([np.arange(len(heights)) * 4, heights], axis=1).astype(np.int32)
        cv2.polylines(page, [points], isClosed=False, color=rng.integers(0, 200, 3).tolist(), thickness=2)
    cv2.rectangle(page, (4, 4), (SIDE - 5, SIDE - 5), (0, 0, 0), 1)
    return page


def _digit(rng: np.random.Generator) -> NDArray[Any]:
    from sklearn.datasets import load_digits

    digits = load_digits().images
    small = (digits[rng.integers(len(digits))] * 15.9).astype(np.uint8)
    return np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))[..., None].repeat(
        3, axis=2
    )


PAINTERS: dict[str, Painter] = {
    "colour noise": _noise,
    "grey noise": _grey_noise,
    "blank": _blank,
    "empty field of a smear": _empty_field,
    "gradient": _gradient,
    "stripes and checks": _stripes,
    "text": _text,
    "polygons": _shapes,
    "one coloured disc": _disc,
    "line plot": _plot,
    "handwritten digit": _digit,
}
