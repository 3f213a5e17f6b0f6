"""Finish a trained model: calibrate its probabilities, and teach it what it does not know."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from giemsa.evaluation.rejection import Rejection, calibrate
from giemsa.evaluation.scoring import Scorer
from giemsa.training.bundle import write_info
from giemsa.training.calibration import fit_temperature


def finish(
    bundle: Path,
    train_views: NDArray[np.uint8],
    train_labels: NDArray[np.integer],
    validation_views: NDArray[np.uint8],
    validation_labels: NDArray[np.integer],
    *,
    false_rejection: float,
    seed: int,
) -> None:
    """Fit temperature and rejection, and write them into the model's folder.

    Args:
        bundle: the model's folder, as training wrote it.
        train_views: what the network was trained on, shape ``(n, size, size, 3)``.
        train_labels: class indices, shape ``(n,)``; every class occurs.
        validation_views: cells that no weight was fitted to, shape ``(m, size, size, 3)``.
        validation_labels: their class indices, shape ``(m,)``.
        false_rejection: share of real cells that may be rejected, 0..1.
        seed: of what is drawn at random.
    """
    scorer = Scorer(bundle)
    logits, features = scorer.activations(validation_views)
    _, train_features = scorer.activations(train_views)
    rejection = Rejection.fit(train_views, train_features, train_labels, seed=seed)
    rejection.save(bundle)
    scores = rejection.scores(scorer.looks(validation_views), logits, features)
    thresholds = calibrate(scores, false_rejection)
    temperature = round(fit_temperature(logits, validation_labels), 6)
    write_info(bundle, scorer.info.model_copy(update={"temperature": temperature, "rejection": thresholds}))
