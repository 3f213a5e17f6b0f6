"""How many epochs a time budget pays for: counted in work, not on a clock, so that every run is the same."""

import keras

from giemsa.settings import Fitting
from giemsa.training.networks import multiply_adds

# Multiply-adds of the forward pass per second of training on two cores of the reference machine, with
# augmentation and everything else; "python benchmarks/training.py" measures them.
SPEED = {"residual": 4.4e10, "mobilenet": 7.5e9}


def affordable_epochs(settings: Fitting, networks: list[keras.Model], cells: int) -> int:
    """Tell how many epochs ``settings.budget_minutes`` pays for: at least one, at most ``max_epochs``.

    Args:
        settings: the budget.
        networks: the network as built for each phase's resolution; the phases share the epochs evenly.
        cells: how many there are to learn from.
    """
    cost = sum(map(multiply_adds, networks)) / len(networks)
    paid = settings.budget_minutes * 60 * SPEED[networks[0].name] / (cost * cells)
    return max(1, min(settings.max_epochs, int(paid)))
