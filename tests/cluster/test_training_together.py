"""Two trainers on two nodes end with the same weights, which are those of one process."""

import numpy as np
import pytest

from giemsa.errors import UsageError
from giemsa.settings import Compute
from giemsa.training.fitting import Fit, Phase
from giemsa.training.learner import make_reproducible
from giemsa.training.together import Task, _weights, fit, train_together
from tests.training.conftest import FITTING, coloured_cells, small_network

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("cluster")]

TWO = Compute(engine="ray", workers=0, trainers=2)
PHASES = [Phase("coarse", 1, 12), Phase("full", 2, 16)]
TRAIN, VALIDATION = coloured_cells(70, seed=1), coloured_cells(70, seed=2)


def test_two_trainers_take_the_steps_of_one_process() -> None:
    make_reproducible(FITTING.seed, cores=1)
    network = small_network()
    task = Task(network.to_json(), _weights(network), TRAIN, VALIDATION, FITTING, PHASES)
    told: list[object] = []
    (history, one), (same_history, other) = train_together(task, TWO, told.append)
    assert told == history == same_history
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))

    alone = Fit(network, TRAIN, VALIDATION, FITTING, lambda _: None).run(PHASES)
    for ours, theirs in zip(alone, history, strict=True):
        assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-4)
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-4)
    for variable, value in zip(network.variables, one, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-3, atol=1e-4, err_msg=variable.path)


def test_more_trainers_than_cores_are_refused() -> None:
    many = Compute(engine="ray", workers=0, trainers=3)
    with pytest.raises(UsageError, match=r"compute.trainers is 3, and Ray has 2 core\(s\)"):
        fit(small_network(), TRAIN, VALIDATION, FITTING, PHASES, lambda _: None, many)
