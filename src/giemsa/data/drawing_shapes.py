"""Outlines and textures that cells are drawn from."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Plane = NDArray[np.float32]


@dataclass
class Field:
    """What is seen through the microscope: coordinates around the middle, in pixels of a 96-pixel picture.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        scale: pixels of this picture for one of a 96-pixel picture.
        rng: where all chance comes from.
    """

    height: int
    width: int
    scale: float
    rng: np.random.Generator
    x: Plane = field(init=False)
    y: Plane = field(init=False)

    def __post_init__(self) -> None:
        rows, columns = np.arange(self.height, dtype=np.float32), np.arange(self.width, dtype=np.float32)
        self.y = np.repeat((rows[:, None] - (self.height - 1) / 2) / self.scale, self.width, axis=1).astype(
            np.float32
        )
        self.x = np.repeat((columns[None] - (self.width - 1) / 2) / self.scale, self.height, axis=0).astype(
            np.float32
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
            strength = field.rng.normal(0, ruffle * radius / waves**0.5)
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
    return np.clip(np.float32(0.5) - distance / np.float32(1.6), 0, 1)


def grain(field: Field, size: float) -> Plane:
    """Give a random texture with mean 0 and deviation 1, whose grains are ``size`` pixels wide."""
    import cv2

    noise = field.rng.standard_normal((field.height, field.width), dtype=np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), size * field.scale)
    return (blurred - blurred.mean()) / blurred.std()


def blend(picture: NDArray[np.float32], colour: ArrayLike, cover: Plane) -> None:
    """Lay ``colour``, one or one for each pixel, over ``picture`` in place, as far as ``cover`` says."""
    picture += cover[..., None].astype(np.float32) * (np.asarray(colour, dtype=np.float32) - picture)
