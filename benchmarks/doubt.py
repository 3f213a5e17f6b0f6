"""What is it worth to score a doubtful cell in all eight orientations, and how many cells are doubtful?

    .venv/bin/python benchmarks/doubt.py models/ensemble

Run it in a project after ``dvc repro combine``. The cells are those of the validation split, as they are and
worsened by the corruption suite at severities 1, 3 and 5; a row for each confidence below which a cell is
scored anew.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from giemsa.evaluation.cells import read_side
from giemsa.evaluation.corruption import FAMILIES, corrupt
from giemsa.evaluation.metrics import measure
from giemsa.evaluation.scoring import Scorer, orientations
from giemsa.progress import track
from giemsa.settings import load_params
from giemsa.training.calibration import softmax
from giemsa.workspace import find_workspace

DOUBTS = {
    "never": 0.0,
    "below 80%": 0.8,
    "below 90%": 0.9,
    "below 95%": 0.95,
    "below 98%": 0.98,
    "always": 1.1,
}
SEVERITIES = (1, 3, 5)
MEASURES = ("accuracy", "nll", "ece")


def seen_from_all_sides(scorer: Scorer, views: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Give probabilities of shape ``(8, n, classes)``."""
    logits = [scorer.activations(turned)[0] for turned in orientations(views)]
    return np.stack([softmax(each, scorer.info.temperature) for each in logits])


def figures(
    scorer: Scorer, seen: NDArray[np.float64], labels: NDArray[np.int64], doubt: float
) -> list[float]:
    """Give accuracy, negative log-likelihood, calibration error and the share of cells scored anew."""
    doubtful = seen[0].max(axis=1) < doubt
    probabilities = np.where(doubtful[:, None], seen.mean(axis=0), seen[0])
    found = measure(labels, probabilities, scorer.classes)
    return [*(float(found[name][0]) for name in MEASURES), float(doubtful.mean())]


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    scorer = Scorer(parser.parse_args().model)
    workspace = find_workspace()
    cells = read_side(workspace, "validation", load_params(workspace.params).image)
    labels = cells.labels(scorer.classes)
    suite = [(family, severity) for family in FAMILIES for severity in SEVERITIES]
    clean = seen_from_all_sides(scorer, cells.views)
    worse = [
        seen_from_all_sides(scorer, corrupt(cells.views, family, severity, 0))
        for family, severity in track(suite, "worsened")
    ]
    print(f"| {len(labels)} cells | accuracy | NLL | ECE | anew | worsened: accuracy | NLL | ECE | anew |")
    print("|---" * 9 + "|")
    for name, doubt in DOUBTS.items():
        worsened = np.mean([figures(scorer, seen, labels, doubt) for seen in worse], axis=0)
        columns = [
            f"{accuracy:.2%} | {nll:.4f} | {ece:.2%} | {anew:.1%}"
            for accuracy, nll, ece, anew in (figures(scorer, clean, labels, doubt), worsened)
        ]
        print(f"| {name} | {' | '.join(columns)} |")


if __name__ == "__main__":
    main()
