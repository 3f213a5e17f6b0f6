"""Plant wrong labels and other pictures among real cells and see which of them a model's features find.

    .venv/bin/python benchmarks/labels.py CELLS.zip --model models/frozen-head [--wrong 0.02] [--cells 20000]

CELLS.zip holds <class>/<name>.jpg; its own labels count as right. The model gives the features alone;
one whose convolutions saw the labels would know what was planted: the frozen one is the honest choice.
"""

import hashlib
import time
from pathlib import Path

import numpy as np
from cells import parser_of, read
from noncells import kinds
from numpy.typing import NDArray

from giemsa.curation.label_errors import label_errors
from giemsa.curation.reading import load_views
from giemsa.evaluation.scoring import Scorer
from giemsa.evaluation.second_look import ALONE, solitude

ROUNDS = 4  # in each, one picture of every kind stands among the cells


def main() -> None:
    """Print recall and precision of the whole list, and of its top."""
    parser = parser_of(__doc__, cells=20_000)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--wrong", type=float, default=0.02)
    chosen = parser.parse_args()
    cells = read(chosen.cells_zip, chosen.cells, chosen.seed)
    scorer = Scorer(chosen.model)
    _, features = scorer.activations(load_views(list(cells.values()), scorer.image))
    paths = list(cells)
    labels, planted = mislabelled(paths, chosen.wrong, chosen.seed)
    began = time.process_time()
    groups = [hashlib.sha256(content).hexdigest() for content in cells.values()]
    found = [error.path for error in label_errors(paths, labels, groups, features)]
    print(
        f"{len(paths):,} cells, {len(planted):,} of them mislabelled, {time.process_time() - began:.1f} CPU s"
    )
    for name, listed in (
        (f"the whole list ({len(found):,})", found),
        (f"its first {len(planted):,}", found[: len(planted)]),
        (f"its first {len(planted) // 2:,}", found[: len(planted) // 2]),
    ):
        hits = len(planted & set(listed))
        print(f"  {name:24} recall {hits / len(planted):6.1%}  precision {hits / max(len(listed), 1):6.1%}")
    contents = list(cells.values())
    first = sorted({content: row for row, content in reversed(list(enumerate(contents)))}.values())
    strangers(features[first], scorer, chosen.seed)


def strangers(features: NDArray[np.float32], scorer: Scorer, seed: int) -> None:
    """Print how many distinct cells, and how many other pictures among them, lie alone."""
    others = {kind: scorer.activations(views)[1] for kind, views in kinds(ROUNDS, seed).items()}
    alone = []
    for number in range(ROUNDS):
        among = np.concatenate([features, np.stack([each[number] for each in others.values()])])
        found = solitude(among)
        alone.append(found[len(features) :])
    cells = np.sort(found[: len(features)])
    print(f"beyond {ALONE} times what is usual: {(cells > ALONE).sum()} of {len(cells):,} cells", end="")
    print(f" (the farthest at {', '.join(f'{value:.1f}' for value in cells[:-4:-1])})")
    planted = np.stack(alone)
    print(
        f"  and {(planted > ALONE).sum()} of {planted.size} other pictures; by kind, the nearest of {ROUNDS}:"
    )
    for kind, nearest in zip(others, planted.min(axis=0), strict=True):
        print(f"  {kind:24} {nearest:6.1f}")


def mislabelled(paths: list[str], share: float, seed: int) -> tuple[list[str], set[str]]:
    """Give every cell's class, of which a share is wrong at random, and the paths of the wrong ones."""
    random = np.random.default_rng(seed)
    labels = [path.split("/")[0] for path in paths]
    classes = sorted(set(labels))
    rows = random.permutation(len(paths))[: round(share * len(paths))]
    for row in rows:
        labels[row] = str(random.choice([name for name in classes if name != labels[row]]))
    return labels, {paths[row] for row in rows}


if __name__ == "__main__":
    main()
