"""A budget in minutes becomes a number of epochs that no clock decides."""

import pytest

from giemsa.settings import Fitting
from giemsa.training.budget import affordable_epochs
from giemsa.training.networks import multiply_adds, residual_network

FULL, COARSE = (residual_network(2, widths=(8,), dropout=0, size=side) for side in (32, 16))


SPEED = float(multiply_adds(FULL))  # one cell a second at full resolution


@pytest.mark.parametrize(
    ("minutes", "cells", "epochs"),
    [(1.0, 20, 3), (1.0, 25, 2), (0.1, 60, 1), (100.0, 20, 4)],
)
def test_the_budget_pays_for_whole_epochs(settings: Fitting, minutes: float, cells: int, epochs: int) -> None:
    rich = settings.model_copy(update={"budget_minutes": minutes, "max_epochs": 4})
    assert affordable_epochs(rich, [FULL], cells, speed=SPEED) == epochs


def test_coarse_epochs_are_cheaper(settings: Fitting) -> None:
    rich = settings.model_copy(update={"budget_minutes": 10.0, "max_epochs": 100})
    assert affordable_epochs(rich, [COARSE, FULL], 20, speed=SPEED) in {47, 48}
