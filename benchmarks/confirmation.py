"""Choose the similarity at which a pair is one cell, from planted copies and the nearest other cells.

    .venv/bin/python benchmarks/confirmation.py CELLS.zip [--cells 4000] [--per-kind 60] [--figure roc.png]

The cells are halved at random: the threshold that parts copies from other cells widest is read off one half,
and what it does is printed for the other. True copies in the published set are left out.
"""

import io
from pathlib import Path

import numpy as np
from cells import TRUE_COPIES, parser_of, read
from numpy.typing import NDArray
from PIL import Image as Pillow
from planting import KINDS

from giemsa.curation.measuring import Measurements
from giemsa.curation.nearest import nearest
from giemsa.curation.registration import similarities
from giemsa.curation.spectra import as_vectors
from giemsa.settings import params_or_defaults

IMAGE = params_or_defaults(Path(__file__).parents[1] / "params.yaml").image
NEIGHBOURS = 8
Scores = NDArray[np.float32]


def main() -> None:
    """Print both halves' figures; draw the curve where asked."""
    parser = parser_of(__doc__, cells=4_000)
    parser.add_argument("--per-kind", type=int, default=60)
    parser.add_argument("--figure", type=Path)
    chosen = parser.parse_args()
    cells = read(chosen.cells_zip, chosen.cells, chosen.seed)
    names = [name for name in cells if name not in {path for pair in TRUE_COPIES for path in pair}]
    random = np.random.default_rng(chosen.seed)
    halves = np.array_split(random.permutation(names), 2)
    tuned, other = ([cells[name] for name in half] for half in halves)
    copies, unlike = scores(tuned, chosen.per_kind, random)
    everything = np.concatenate(list(copies.values()))
    threshold = (np.quantile(everything, 0.001) + unlike.max()) / 2
    least, most = np.quantile(everything, 0.001), unlike.max()
    print(f"first half: {len(unlike):,} pairs of other cells, the most alike {most:.3f};")
    print(f"  99.9% of {len(everything):,} copies above {least:.3f}: between them {threshold:.2f}")
    copies, unlike = scores(other, chosen.per_kind, random)
    taken = (unlike >= threshold).sum()
    print(f"second half, at {threshold:.2f}: {taken} of {len(unlike):,} other cells taken for copies")
    for kind, found in copies.items():
        print(f"  {kind:24} {(found >= threshold).mean():7.1%} of {len(found)}, the least {found.min():.3f}")
    if chosen.figure:
        draw(np.concatenate(list(copies.values())), unlike, threshold, chosen.figure)


def scores(
    contents: list[bytes], per_kind: int, random: np.random.Generator
) -> tuple[dict[str, Scores], Scores]:
    """Give the similarity of planted copies, by kind, and of each cell's nearest other cells."""
    distinct = list(dict.fromkeys(contents))
    thumbnails, spectra = measured(distinct)
    rows, _ = nearest(as_vectors(spectra), NEIGHBOURS)
    pairs = np.unique(
        np.sort([(row, near) for row, found in enumerate(rows) for near in found], axis=1), axis=0
    )
    unlike = similarities(thumbnails[pairs[:, 0]], thumbnails[pairs[:, 1]])
    copies = {}
    for kind, change in KINDS.items():
        chosen = random.permutation(len(distinct))[:per_kind]
        changed = [change(np.asarray(Pillow.open(io.BytesIO(distinct[row]))), random) for row in chosen]
        copies[kind] = similarities(thumbnails[chosen], measured(changed)[0])
    return copies, unlike


def measured(contents: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Give thumbnails and spectra of whole pictures."""
    measurements = Measurements(None, IMAGE)
    keys = [str(row) for row in range(len(contents))]
    list(measurements.measure(zip(keys, contents, strict=True)))
    return measurements.views("thumbnails", keys)[:, 0], measurements.views("spectra", keys)[:, 0]


def draw(copies: Scores, unlike: Scores, threshold: float, path: Path) -> None:
    """Draw the receiver operating characteristic, and both distributions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    levels = np.linspace(0, 1, 501)
    left.plot([(unlike >= level).mean() for level in levels], [(copies >= level).mean() for level in levels])
    left.set(xlabel="other cells taken for copies", ylabel="copies found", xlim=(0, 0.02), ylim=(0.9, 1.002))
    bins = np.linspace(0, 1, 60).tolist()
    right.hist(
        [unlike[unlike > 0], copies], bins=bins, label=["nearest other cells", "planted copies"], log=True
    )
    right.axvline(threshold, color="black")
    right.set(xlabel="similarity after registration", ylabel="pairs")
    right.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main()
