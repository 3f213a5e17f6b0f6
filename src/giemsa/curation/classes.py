"""The class distribution before and after curation, as a table and as a picture."""

from pathlib import Path

import numpy as np
import pandas as pd

SIZE = (8.0, 4.5)  # inches
DPI = 120


def write_classes(folder: Path, *, before: pd.Series, after: pd.Series) -> None:
    """Write ``classes.csv`` (class, before, after) and ``classes.png`` to ``folder``.

    Args:
        folder: an existing folder.
        before: the label of every image, None where there is none.
        after: the label of every kept image.
    """
    counts = pd.DataFrame(
        {"before": before.fillna("no label").value_counts(), "after": after.fillna("no label").value_counts()}
    )
    counts = counts.fillna(0).astype(int).rename_axis("class").sort_index()
    counts.to_csv(folder / "classes.csv", lineterminator="\n")
    _draw(counts, folder / "classes.png")


def _draw(counts: pd.DataFrame, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(counts))
    axes.bar(places - 0.2, counts["before"], width=0.4, label="before", color="#b9b3c9")
    bars = axes.bar(places + 0.2, counts["after"], width=0.4, label="after", color="#6a3d9a")
    axes.bar_label(bars, labels=[f"{count:,}" for count in counts["after"]], fontsize=7)
    axes.set_xticks(places, counts.index, rotation=30, ha="right")
    axes.set_ylabel("images")
    axes.set_title("Images per class before and after curation", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Software": None})
