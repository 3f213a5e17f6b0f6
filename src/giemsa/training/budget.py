"""How many epochs a time budget pays for: counted in work, not on a clock, so that every run is the same."""

from collections.abc import Sequence

import keras

from giemsa.settings import Fitting
from giemsa.training.networks import multiply_adds

# Multiply-adds of the forward pass per second of training on two quiet cores, augmentation included, within
# some percent: "python benchmarks/steps.py" measures whole epochs.
SPEED = {"residual": 3.8e10, "mobilenet, pretrained": 7.5e9, "mobilenet, random": 3.5e9}


def affordable_epochs(settings: Fitting, networks: Sequence[keras.Model], cells: int, *, speed: float) -> int:
    """Tell how many epochs ``settings.budget_minutes`` pays for: at least one, at most ``max_epochs``.

    Args:
        settings: the budget.
        networks: the network as built for each phase's resolution; the phases share the epochs evenly.
        cells: how many there are to learn from.
        speed: one of ``SPEED``.
    """
    cost = sum(map(multiply_adds, networks)) / len(networks)
    paid = settings.budget_minutes * 60 * speed / (cost * cells)
    return max(1, min(settings.max_epochs, int(paid)))
