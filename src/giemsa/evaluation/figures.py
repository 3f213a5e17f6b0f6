"""The evaluation's figures as PNG bytes: equal figures give equal bytes."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from giemsa.evaluation.corruption import SEVERITIES
from giemsa.evaluation.judging import Judgement
from giemsa.training.calibration import reliability

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DPI = 110
COLOURS = {"cnn": "#6a3d9a", "fine-tuned": "#1f78b4", "frozen-head": "#b2762e", "ensemble": "#1b7837"}
READABLE_ON_DARK = 0.55


def confusions(judgements: Sequence[Judgement]) -> bytes:
    """Draw confusion matrices side by side: shares of each actual class, counts in the cells."""
    figure, axes = _canvas(1, len(judgements), width=5.2, height=4.9)
    for axis, each in zip(axes, judgements, strict=True):
        share = each.counts / np.maximum(each.counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, cmap="Purples", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(each.counts):
            colour = "white" if share[row, column] > READABLE_ON_DARK else "#1d1b26"
            if count:
                axis.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=8)
        places = range(len(each.info.classes))
        axis.set_xticks(places, each.info.classes, rotation=45, ha="right")
        axis.set_yticks(places, each.info.classes)
        axis.set(title=each.info.name, xlabel="answered", ylabel="actual")
    return _png(figure)


def reliabilities(judgements: Sequence[Judgement], labels: Sequence["NDArray[np.int64]"]) -> bytes:
    """Draw reliability diagrams: a calibrated model lies on the diagonal; large dots hold many cells."""
    figure, axes = _canvas(1, len(judgements), width=3.7, height=3.7)
    for axis, each, truth in zip(axes, judgements, labels, strict=True):
        found = reliability(each.test.probabilities, truth)
        colour = COLOURS[each.info.name]
        axis.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--")
        axis.scatter(
            found.confidence,
            found.accuracy,
            s=20 + 300 * found.count / found.count.sum(),
            color=colour,
            alpha=0.7,
        )
        error = each.estimates["ece"].value
        axis.set(
            title=f"{each.info.name} (ECE {100 * error:.1f}%)",
            xlabel="confidence",
            ylabel="share of right answers",
            xlim=(0, 1.02),
            ylim=(0, 1.02),
        )
    return _png(figure)


def learning(judgements: Sequence[Judgement]) -> bytes:
    """Draw loss and validation macro-F1 over the epochs of every model that was trained itself."""
    figure, axes = _canvas(1, 2, width=5.2, height=3.7)
    for each in (judgement for judgement in judgements if judgement.history):
        epochs = [entry.epoch for entry in each.history]
        colour, name = COLOURS[each.info.name], each.info.name
        axes[0].plot(epochs, [entry.loss for entry in each.history], color=colour, label=f"{name}, training")
        validated = [entry.val_loss for entry in each.history]
        axes[0].plot(epochs, validated, color=colour, linestyle=":", label=f"{name}, validation")
        axes[1].plot(epochs, [entry.val_macro_f1 for entry in each.history], color=colour, label=name)
    axes[0].set(title="Loss", xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    axes[1].set(title="Validation split", xlabel="epoch", ylabel="macro-F1", ylim=(None, 1.005))
    for axis in axes:
        axis.legend(fontsize=8)
    return _png(figure)


def robustness(judgements: Sequence[Judgement]) -> bytes:
    """Draw accuracy against severity, one panel for each family of corruption."""
    families = list(dict.fromkeys(row.family for row in judgements[0].worsened))
    figure, axes = _canvas(-(-len(families) // 4), 4, width=2.9, height=2.4)
    lowest = min(row.accuracy for each in judgements for row in each.worsened)
    for axis, family in zip(axes, families, strict=False):
        for each in judgements:
            curve = [each.estimates["accuracy"].value]
            curve += [row.accuracy for row in each.worsened if row.family == family]
            name = each.info.name
            axis.plot([0, *SEVERITIES], curve, color=COLOURS[name], marker=".", label=name)
        axis.set(title=family.replace("_", " "), ylim=(max(0, lowest - 0.03), 1.01), xticks=[0, *SEVERITIES])
        axis.grid(color="#e5e2ec", linewidth=0.6)
    for axis in axes[len(families) :]:
        axis.axis("off")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower right", fontsize=9, title="accuracy by severity (0: clean)")
    return _png(figure)


def _canvas(rows: int, columns: int, *, width: float, height: float) -> tuple["Figure", Any]:
    """Lay out panels of one size, in inches, without a window system and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * width, rows * height), layout="constrained", dpi=DPI)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False).ravel()


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
