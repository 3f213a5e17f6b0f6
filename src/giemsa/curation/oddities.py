"""Point at images that a person should look at: flat, dark, bright, blurred, tiny, or unlike all others."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from giemsa.curation.nearest import nearest
from giemsa.curation.spectra import as_vectors
from giemsa.settings import Validate

FLAT = 0.02  # standard deviation of grey, 0..1
LONG = 2.0  # longer side over shorter
NEIGHBOURS = 8
FEWEST = 100  # distinct pictures, to tell what is usual among them
UNLIKE = (
    4.5  # times what is usual; the farthest of 11,942 real cells stood at 4.3, photographs at 5.1 and 7.2
)
PROPERTIES = ["brightness", "contrast", "saturation", "sharpness"]
WEIGHT = 0.3  # of a property's standard deviation against the spectra's


@dataclass(frozen=True)
class Oddity:
    """Something about one image.

    Args:
        path: the image.
        issue: what it is, in a word or two.
        value: the figure that says so.
    """

    path: str
    issue: str
    value: float


def oddities(images: pd.DataFrame, spectra: NDArray[np.uint8], limits: Validate) -> list[Oddity]:
    """List what is odd, image by image; one image may be odd in several ways.

    Args:
        images: readable images in the manifest's columns.
        spectra: of their whole pictures, shape ``(n, 171)``.
        limits: the same limits that validation holds the whole set to.
    """
    found = [oddity for row in images.to_dict("records") for oddity in _by_itself(row, limits)]
    distances = strangeness(images, spectra)
    strange = np.flatnonzero(distances > UNLIKE)
    found += [Oddity(images["path"].iloc[row], "unlike all others", float(distances[row])) for row in strange]
    return sorted(found, key=lambda oddity: (oddity.issue, oddity.path))


def _by_itself(row: dict[Hashable, object], limits: Validate) -> Iterator[Oddity]:
    path, figures = (
        str(row["path"]),
        {name: float(str(row[name])) for name in (*PROPERTIES, "width", "height")},
    )
    short, long = sorted((figures["width"], figures["height"]))
    darkest, brightest = limits.brightness
    checks = (
        ("nearly constant", "contrast", figures["contrast"] < FLAT),
        ("too dark", "brightness", figures["brightness"] < darkest),
        ("too bright", "brightness", figures["brightness"] > brightest),
        ("blurred", "sharpness", figures["contrast"] >= FLAT and figures["sharpness"] < limits.sharpness_min),
    )
    yield from (Oddity(path, issue, round(figures[name], 6)) for issue, name, is_so in checks if is_so)
    if short < limits.min_side_px:
        yield Oddity(path, "too small", short)
    if long > LONG * short:
        yield Oddity(path, "long and narrow", round(long / short, 2))


def strangeness(images: pd.DataFrame, spectra: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Give each image's mean squared distance to its nearest others, over what is usual.

    The distance to the k nearest neighbours (Ramaswamy, Rastogi and Shim, SIGMOD 2000) of spectra and of
    brightness, contrast, saturation and sharpness together.

    Args:
        images: readable images in the manifest's columns.
        spectra: of their whole pictures, shape ``(n, 171)``.

    Returns:
        Shape ``(n,)``; 1 is usual. All 1 where there are fewer than ``FEWEST`` distinct pictures.
    """
    _, first, picture = np.unique(images["pixel_hash"].to_numpy(str), return_index=True, return_inverse=True)
    if len(first) < FEWEST:
        return np.ones(len(images))
    shape = as_vectors(spectra[first])
    shape /= max(float(np.sqrt(shape.var(axis=0).sum())), 1e-6)
    figures = images[PROPERTIES].to_numpy(np.float64)[first]
    figures[:, -1] = np.log(np.maximum(figures[:, -1], 1e-9))
    middle = np.median(figures, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(figures - middle), axis=0), 1e-6)
    together = np.concatenate([shape, WEIGHT * (figures - middle) / spread], axis=1).astype(np.float32)
    return isolation(together)[picture]


def isolation(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give each vector's mean squared distance to its nearest others, over the median of all.

    Args:
        vectors: of distinct pictures, shape ``(n, d)``.
    """
    _, apart = nearest(vectors, NEIGHBOURS)
    distance = apart.mean(axis=1)
    usual: NDArray[np.float64] = distance / max(float(np.median(distance)), 1e-9)
    return usual
