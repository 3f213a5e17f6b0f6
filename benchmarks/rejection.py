"""Does a model reject what is no cell, and does it keep the cells, clean and worsened?

    .venv/bin/python benchmarks/rejection.py MODEL_FOLDER [--pictures FOLDER] [--smears SOURCE] [--count 60]

Run it where ``data/`` holds the model's own splits: its test cells give the share of false rejections.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from noncells import kinds
from numpy.typing import NDArray

from giemsa.evaluation.cells import read_side
from giemsa.evaluation.corruption import FAMILIES, corrupt
from giemsa.evaluation.scoring import Scorer
from giemsa.workspace import find_workspace


def magnified(view: NDArray[np.uint8], zoom: float) -> NDArray[np.uint8]:
    """Show a cell as another objective or crop does; what lies beyond the picture is mirrored."""
    middle = (len(view) - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), 0, zoom)
    return np.asarray(cv2.warpAffine(view, matrix, view.shape[:2], borderMode=cv2.BORDER_REFLECT))


def main() -> None:
    """Print the share rejected of each kind of non-cell and of test cells, magnified and worsened too."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", type=Path, help="a folder of pictures that are no cells")
    parser.add_argument("--smears", type=Path, help="published 360 x 363 pictures, for their corners")
    parser.add_argument("--count", type=int, default=60, help="views of each kind")
    arguments = parser.parse_args()
    scorer = Scorer(arguments.model)
    rejected, total = 0, 0
    for name, views in kinds(arguments.count, 0, arguments.pictures, arguments.smears).items():
        scores = scorer.score(views)
        rejected, total = rejected + int(scores.rejected.sum()), total + len(views)
        print(f"{name:<40}{len(views):>5}{scores.rejected.mean():>9.1%}")
    print(f"{'all that is no cell':<40}{total:>5}{rejected / total:>9.1%}\n")
    cells = read_side(find_workspace(), "test", scorer.image).views
    print(f"{'test cells':<40}{len(cells):>5}{scorer.score(cells).rejected.mean():>9.1%}")
    for zoom in (0.6, 0.8, 1.25, 1.5):
        other = np.stack([magnified(view, zoom) for view in cells])
        print(f"{f'test cells, magnified {zoom} times':<45}{scorer.score(other).rejected.mean():>9.1%}")
    for family in FAMILIES:
        shares = [scorer.score(corrupt(cells, family, each, 1)).rejected.mean() for each in (1, 3, 5)]
        print(f"{family + ', severity 1, 3, 5':<45}{''.join(f'{share:>9.1%}' for share in np.array(shares))}")


if __name__ == "__main__":
    main()
