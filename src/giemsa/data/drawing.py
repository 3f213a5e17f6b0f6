"""Draw stained blood cells: no real ones, but with the traits that tell the eight classes apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from giemsa.data.drawing_shapes import Field, Plane, blend, chain, disc, grain, open_field, smooth

Colour = tuple[int, int, int]
Range = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """The traits of a class; ranges overlap between classes as those of real cells do.

    Args:
        radius: of the cell, in pixels of a 96-pixel picture.
        lobes: how many lobes the nucleus may have; 0 for none.
        lobe: radius of a lobe as a share of the cell's.
        bow: radius of the arc the lobes lie on, as a share of the cell's.
        arc: angle over which they lie, in radians; wide and many is a horseshoe, narrow and few a bean.
        chromatin: contrast of the nucleus's texture, 0 smooth to 1 coarse.
        cytoplasm: its colours, RGB; one in between is drawn.
        granules: their colour, RGB.
        density: share of the cytoplasm under granules.
        size: of a granule, in pixels.
        over: whether granules also cover the nucleus.
        ruffle: how uneven the outline is.
    """

    radius: Range
    lobes: tuple[int, ...]
    lobe: Range
    bow: Range
    arc: Range
    chromatin: Range
    cytoplasm: tuple[Colour, Colour]
    granules: Colour
    density: Range
    size: Range
    over: bool = False
    ruffle: float = 0.05


LOOKS = {
    "basophil": Look(
        (26, 33), (1, 2, 3), (0.42, 0.6), (0.2, 0.42), (1.6, 3.6), (0.4, 1.0),
        ((178, 134, 176), (212, 168, 192)), (52, 26, 94), (0.2, 0.72), (0.7, 1.15), over=True, ruffle=0.05,
    ),
    "eosinophil": Look(
        (28, 36), (2, 2, 2, 3), (0.38, 0.5), (0.38, 0.52), (1.5, 2.9), (0.4, 1.0),
        ((218, 160, 158), (198, 150, 168)), (170, 92, 112), (0.2, 0.55), (0.6, 0.95),
    ),
    "erythroblast": Look(
        (15, 27), (1,), (0.52, 0.84), (0.0, 0.16), (0.0, 0.0), (0.2, 1.0),
        ((146, 142, 188), (196, 172, 194)), (120, 110, 160), (0.0, 0.14), (1.0, 1.8), ruffle=0.04,
    ),
    "ig": Look(
        (25, 38), (1, 1, 3, 4), (0.4, 0.78), (0.12, 0.46), (1.4, 3.3), (0.4, 1.0),
        ((172, 158, 196), (214, 176, 196)), (98, 50, 122), (0.08, 0.58), (0.55, 0.9),
    ),
    "lymphocyte": Look(
        (18, 29), (1, 1, 1, 2), (0.72, 0.94), (0.02, 0.16), (0.6, 1.2), (0.3, 1.0),
        ((152, 156, 204), (190, 180, 212)), (112, 104, 166), (0.0, 0.2), (0.8, 1.4), ruffle=0.08,
    ),
    "monocyte": Look(
        (29, 40), (3, 4, 5), (0.4, 0.6), (0.24, 0.44), (1.6, 3.8), (0.5, 1.0),
        ((164, 152, 188), (200, 174, 198)), (128, 104, 162), (0.1, 0.4), (0.55, 0.9), ruffle=0.07,
    ),
    "neutrophil": Look(
        (26, 35), (3, 4, 5, 6), (0.28, 0.42), (0.36, 0.54), (2.1, 4.6), (0.4, 1.0),
        ((222, 184, 196), (190, 162, 190)), (158, 94, 148), (0.1, 0.5), (0.5, 0.8),
    ),
    "platelet": Look(
        (8, 14), (0,), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0),
        ((172, 136, 178), (206, 176, 192)), (84, 42, 120), (0.35, 0.7), (0.7, 1.1), ruffle=0.08,
    ),
}  # fmt: skip
KINDS = tuple(LOOKS)


def draw_cell(
    kind: str, rng: np.random.Generator, *, height: int = 96, width: int = 96, scale: float = 1.0
) -> NDArray[np.uint8]:
    """Draw one cell among red cells, with its own stain, light and noise.

    Args:
        kind: one of ``KINDS``.
        rng: where all chance comes from: the same state gives the same picture.
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        scale: how much larger the cell is than in a picture of 96 pixels.

    Returns:
        RGB of shape (height, width, 3).
    """
    field = open_field(height, width, scale, rng)
    picture = _background(field)
    _draw_white_cell(field, picture, LOOKS[kind])
    return _photograph(field, picture)


def _background(field: Field) -> NDArray[np.float32]:
    rng = field.rng
    picture = np.empty((*field.x.shape, 3), np.float32)
    picture[:] = (254, 230, 202)
    shade = np.array((206, 166, 160), np.float32) + np.float32(rng.uniform(-9, 9))
    reach = max(field.x.shape) / field.scale
    for _ in range(int(rng.integers(4, 4 + int(reach / 14)))):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.34, 0.75) * reach
        x, y = distance * np.cos(angle), distance * np.sin(angle)
        window = field.window(x, y, 21)
        edge = disc(field.cut(window), x, y, rng.uniform(13, 17), squeeze=rng.uniform(0.86, 1), ruffle=0.025)
        depth = np.clip((-edge - 3) / 7, 0, 1)  # a red cell is a dish: pale in the middle
        blend(picture[window], shade, smooth(edge) * (0.9 - rng.uniform(0.1, 0.85) * depth))
    return picture


def _draw_white_cell(field: Field, picture: NDArray[np.float32], look: Look) -> None:
    rng = field.rng
    radius = rng.uniform(*look.radius)
    x, y = rng.normal(0, 2.5, size=2)
    body = disc(field, x, y, radius, squeeze=rng.uniform(0.82, 1), ruffle=look.ruffle)
    inside = smooth(body)
    tint = rng.uniform()
    cytoplasm = np.array(look.cytoplasm[0]) * tint + np.array(look.cytoplasm[1]) * (1 - tint)
    texture = 1 + 0.05 * grain(field, 2.5)
    blend(picture, (cytoplasm * texture[..., None]).astype(np.float32), inside * 0.93)
    blend(picture, cytoplasm * 0.72, inside * np.exp(-((body / 1.6) ** 2)) * 0.5)
    granules = _granules(field, look)
    if not look.over:
        blend(picture, look.granules, granules * inside)
    if look.lobes[0]:
        _draw_nucleus(field, picture, look, radius, x, y)
    if look.over or not look.lobes[0]:
        blend(picture, look.granules, granules * inside)


def _granules(field: Field, look: Look) -> Plane:
    density = field.rng.uniform(*look.density)
    grains = grain(field, field.rng.uniform(*look.size))
    threshold = float(np.quantile(grains, 1 - density))
    strength = field.rng.uniform(0.55, 0.9)
    cover: Plane = (strength / (1 + np.exp(-4 * (grains - threshold)))).astype(np.float32)
    return cover * np.float32(density > 0.01)  # noqa: PLR2004


def _draw_nucleus(
    field: Field, picture: NDArray[np.float32], look: Look, radius: float, x: float, y: float
) -> None:
    rng = field.rng
    lobes = int(rng.choice(look.lobes))
    turn = rng.uniform(0, 2 * np.pi)
    shape = chain(
        field,
        centre=(x, y),
        lobes=lobes,
        lobe=rng.uniform(*look.lobe) * radius * (0.86 if lobes > 1 else 1),
        bow=rng.uniform(*look.bow) * radius,
        arc=rng.uniform(*look.arc),
        turn=turn,
    )
    inside = smooth(shape)
    dark, light = np.array(rng.uniform((44, 22, 86), (64, 36, 104))), np.array((156, 100, 170))
    contrast = rng.uniform(*look.chromatin)
    clumps = 1 / (1 + np.exp(-2.2 * (grain(field, rng.uniform(0.7, 1.1)) - 0.5)))
    share = (clumps * contrast)[..., None]
    blend(picture, (dark * (1 - share) + light * share).astype(np.float32), inside * 0.96)
    blend(picture, dark * 0.9, inside * np.exp(-((shape / 1.2) ** 2)) * 0.6)


def _photograph(field: Field, picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    rng = field.rng
    import cv2

    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.1) * field.scale)
    lamp = 1 + rng.uniform(-0.05, 0.05) * field.x / 48 + rng.uniform(-0.05, 0.05) * field.y / 48
    stain = rng.normal(1, (0.015, 0.02, 0.025))
    exposure = rng.normal(1, 0.035)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * np.float32(rng.normal(1, 0.08))
    picture *= (lamp[..., None] * stain * exposure).astype(np.float32)
    picture += rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(rng.uniform(0.5, 2.5))
    return np.clip(picture, 0, 255).astype(np.uint8)
