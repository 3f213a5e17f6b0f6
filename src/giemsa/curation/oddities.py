"""Point at images that a person should look at: flat, dark, bright, blurred, tiny, or unlike all others."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from giemsa.curation.nearest import improve, nobody, pieces
from giemsa.curation.spectra import as_vectors
from giemsa.data.manifest import PROPERTIES
from giemsa.settings import Validate

FLAT = 0.02  # standard deviation of grey, 0..1
LONG = 2.0  # longer side over shorter
NEIGHBOURS = 8
SAMPLE = 1_024  # pictures that tell what is usual: their median is within a percent or so of that of all
FEWEST = 100  # distinct pictures, to tell what is usual among them
UNLIKE = (
    4.5  # times what is usual; the farthest of 11,942 real cells stood at 4.3, photographs at 5.1 and 7.2
)
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
    found = list(_by_themselves(images, limits))
    distances = strangeness(images, spectra)
    strange = np.flatnonzero(distances > UNLIKE)
    found += [Oddity(images["path"].iloc[row], "unlike all others", float(distances[row])) for row in strange]
    return sorted(found, key=lambda oddity: (oddity.issue, oddity.path))


def _by_themselves(images: pd.DataFrame, limits: Validate) -> Iterator[Oddity]:
    names = [*PROPERTIES, "width", "height"]
    figures = {name: images[name].to_numpy(np.float64) for name in names}
    brightness, contrast, sharpness = (figures[name] for name in ("brightness", "contrast", "sharpness"))
    short = np.minimum(figures["width"], figures["height"])
    longer = np.maximum(figures["width"], figures["height"]) / short
    darkest, brightest = limits.brightness
    checks = (
        ("nearly constant", contrast, contrast < FLAT, 6),
        ("too dark", brightness, brightness < darkest, 6),
        ("too bright", brightness, brightness > brightest, 6),
        ("blurred", sharpness, (contrast >= FLAT) & (sharpness < limits.sharpness_min), 6),
        ("too small", short, short < limits.min_side_px, 0),
        ("long and narrow", longer, longer > LONG, 2),
    )
    for issue, values, is_so, digits in checks:
        for row in np.flatnonzero(is_so):
            yield Oddity(images["path"].iloc[row], issue, round(float(values[row]), digits))


def strangeness(images: pd.DataFrame, spectra: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Give each image's mean squared distance to its nearest others, over what is usual.

    The distance to the k nearest neighbours (Ramaswamy, Rastogi and Shim, SIGMOD 2000) of spectra and of
    brightness, contrast, saturation and sharpness together.

    Args:
        images: readable images in the manifest's columns.
        spectra: of their whole pictures, shape ``(n, 171)``.

    Returns:
        Shape ``(n,)``; 1 is usual, and up to ``UNLIKE`` the value may be too large. All 1 where there are
        fewer than ``FEWEST`` distinct pictures.
    """
    _, first, picture = np.unique(images["pixel_hash"].to_numpy(str), return_index=True, return_inverse=True)
    if len(first) < FEWEST:
        return np.ones(len(images))
    shape = as_vectors(spectra[first])
    shape /= max(float(np.sqrt(shape.var(axis=0).sum())), 1e-6)
    figures = images[[*PROPERTIES]].to_numpy(np.float64)[first]
    figures[:, -1] = np.log(np.maximum(figures[:, -1], 1e-9))
    middle = np.median(figures, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(figures - middle), axis=0), 1e-6)
    together = np.concatenate([shape, WEIGHT * (figures - middle) / spread], axis=1).astype(np.float32)
    return isolation(together, UNLIKE, SAMPLE)[picture]


def isolation(vectors: NDArray[np.float32], above: float, usual: int) -> NDArray[np.float64]:
    """Give each vector's mean squared distance to its nearest others, over what is usual.

    Usual is the median of so many vectors, evenly spread over their order, all where there are fewer. The
    others are compared with these first, and only who then seems to stand alone with everybody: the cost
    grows with ``n``, not with its square.

    Args:
        vectors: of distinct pictures, one at least, shape ``(n, d)``.
        above: values that matter; smaller ones may be too large, but no more than ``above``.
        usual: how many vectors tell what is usual.

    Returns:
        Shape ``(n,)``.
    """
    everybody = np.arange(len(vectors))
    sample = np.unique(np.linspace(0, len(vectors) - 1, usual).astype(np.int64))
    others = np.setdiff1d(everybody, sample)
    rows, apart = nobody(len(vectors), NEIGHBOURS)
    improve(rows, apart, vectors, [*pieces(sample, everybody), (others, sample)])
    median = max(float(np.median(apart[sample].mean(axis=1))), 1e-9)
    doubtful = others[apart[others].mean(axis=1) > above * median]
    improve(rows, apart, vectors, pieces(doubtful, others))
    isolated: NDArray[np.float64] = apart.mean(axis=1).astype(np.float64) / median
    return isolated
