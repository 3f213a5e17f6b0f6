"""Outlines and textures that cells are drawn from."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Plane = NDArray[np.floating]  # float32, of shape (height, width)


@dataclass(frozen=True)
class Field:
    """What is seen through the microscope, in pixels of a 96-pixel picture around its middle.

    Args:
        x: every pixel's place to the right of the middle, shape (height, width).
        y: every pixel's place below the middle, shape (height, width).
        scale: pixels of this picture for one of a 96-pixel picture.
        rng: where all chance comes from.
    """

    x: Plane
    y: Plane
    scale: float
    rng: np.random.Generator

    def window(self, x: float, y: float, reach: float) -> tuple[slice, slice]:
        """Give the rows and columns that lie within ``reach`` of a place, so that only these are drawn."""
        rows = np.searchsorted(self.y[:, 0], (y - reach, y + reach))
        columns = np.searchsorted(self.x[0], (x - reach, x + reach))
        return slice(*rows.tolist()), slice(*columns.tolist())

    def cut(self, window: tuple[slice, slice]) -> "Field":
        """Give the part of the field that ``window`` shows."""
        return replace(self, x=self.x[window], y=self.y[window])


def open_field(height: int, width: int, scale: float, rng: np.random.Generator) -> Field:
    """Open a field of ``height`` by ``width`` pixels."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    middle = np.float32(scale)
    return Field(
        (x - np.float32((width - 1) / 2)) / middle, (y - np.float32((height - 1) / 2)) / middle, scale, rng
    )


def disc(field: Field, x: float, y: float, radius: float, *, squeeze: float = 1, ruffle: float = 0) -> Plane:
    """Give the distance from the outline of an uneven ellipse, negative inside, shape (height, width).

    Args:
        field: where it lies.
        x: its centre, in the field's coordinates.
        y: its centre, in the field's coordinates.
        radius: its longer half axis.
        squeeze: the shorter half axis as a share of the longer.
        ruffle: how far the outline strays, as a share of the radius.
    """
    turn = field.rng.uniform(0, np.pi)
    across, along = field.x - np.float32(x), field.y - np.float32(y)
    u = across * np.float32(np.cos(turn)) + along * np.float32(np.sin(turn))
    v = (along * np.float32(np.cos(turn)) - across * np.float32(np.sin(turn))) / np.float32(squeeze)
    distance = np.sqrt(u * u + v * v) - np.float32(radius)
    if ruffle:
        angle = np.arctan2(v, u)
        for waves in (2, 3, 5):
            strength = field.rng.normal(0, ruffle * radius * 1.6 / waves)
            distance += np.float32(strength) * np.cos(waves * angle + np.float32(field.rng.uniform(0, 6.3)))
    return distance


def chain(
    field: Field,
    *,
    centre: tuple[float, float],
    lobes: int,
    lobe: float,
    bow: float,
    arc: float,
    turn: float,
) -> Plane:
    """Give the distance from the outline of lobes that hang together along an arc, negative inside.

    One lobe is a round nucleus; close ones along a short arc are a bean, along a long one a horseshoe.

    Args:
        field: where they lie.
        centre: of the arc, in the field's coordinates.
        lobes: how many.
        lobe: radius of one.
        bow: radius of the arc.
        arc: angle it spans, in radians.
        turn: where it starts, in radians.
    """
    angles = turn + np.linspace(-arc / 2, arc / 2, lobes) + field.rng.normal(0, 0.1, size=lobes)
    spots = [(centre[0] + bow * np.cos(angle), centre[1] + bow * np.sin(angle)) for angle in angles]
    # A smooth minimum lets neighbouring lobes grow together as bridges do.
    reach = np.float32(max(1.2, 0.22 * lobe))
    total = sum(
        np.exp(-disc(field, x, y, lobe * field.rng.uniform(0.85, 1.12), squeeze=0.85, ruffle=0.06) / reach)
        for x, y in spots
    )
    outline: Plane = (-reach * np.log(total)).astype(np.float32)
    return outline


def smooth(distance: Plane) -> Plane:
    """Turn the distance from an outline into cover: 1 inside, 0 outside, soft over about a pixel."""
    cover: Plane = np.clip(np.float32(0.5) - distance / np.float32(1.6), 0, 1)
    return cover


def grain(field: Field, size: float) -> Plane:
    """Give a random texture with mean 0 and deviation 1, whose grains are ``size`` pixels wide."""
    import cv2

    noise = field.rng.standard_normal(field.x.shape, dtype=np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), size * field.scale)
    texture: Plane = (blurred - blurred.mean()) / blurred.std()
    return texture


def blend(picture: NDArray[np.float32], colour: ArrayLike, cover: Plane) -> None:
    """Lay ``colour``, one or one for each pixel, over ``picture`` in place, as far as ``cover`` says."""
    picture += cover[..., None].astype(np.float32) * (np.asarray(colour, dtype=np.float32) - picture)
