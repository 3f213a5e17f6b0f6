"""Train a convolutional network from scratch."""

from functools import partial

from giemsa.registry.training_runs import training_run
from giemsa.settings import HERE, Compute, Image, Reject, Train
from giemsa.stages.learning import describe, read_lesson, telling, write_model
from giemsa.training.budget import SPEED, affordable_epochs
from giemsa.training.fitting import Phase
from giemsa.training.learner import make_reproducible
from giemsa.training.networks import residual_network, sized
from giemsa.training.together import fit
from giemsa.workspace import Workspace

COARSE = 2 / 3  # side of the first phase's pictures: half of the work, and nearly as much learnt
NAME = "cnn"


def run(workspace: Workspace, *, image: Image, train: Train, reject: Reject, compute: Compute = HERE) -> None:
    """Write ``models/cnn``: half of the epochs at two thirds of the resolution, then half at full.

    Raises:
        CheckFailedError: if a side of the split holds no cell.
        UsageError: if there are no curated cells, or MLflow is not there.
    """
    lesson = read_lesson(workspace, image)
    make_reproducible(train.seed)
    build = partial(residual_network, len(lesson.classes), widths=train.widths, dropout=train.dropout)
    sides = (8 * round(image.size * COARSE / 8), image.size)
    coarse_and_full = [build(size=side) for side in sides]
    epochs = affordable_epochs(train, coarse_and_full, len(lesson.train), speed=SPEED["residual"])
    phases = [
        Phase(name, share, side)
        for name, share, side in zip(
            ("coarse", "full"), (epochs // 2, epochs - epochs // 2), sides, strict=True
        )
    ]
    network = build()
    info = describe(
        lesson,
        image,
        train,
        network=network,
        trainers=compute.trainers,
        name=NAME,
        family="cnn",
        weights="random, trained from scratch",
        pretrained=False,
        recipe=f"residual network {train.widths}, {epochs} epochs at most",
    )
    with training_run(workspace, info) as live:
        told = telling(NAME, live)
        history = fit(network, lesson.train, lesson.validation, train, phases, told, compute)
        write_model(workspace, sized(network, image.size), info, history, lesson, reject)
