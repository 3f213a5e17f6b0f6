"""Train a convolutional network from scratch."""

from giemsa.registry.training_runs import epoch_figures, training_run
from giemsa.settings import Image, Reject, Train
from giemsa.stages.learning import describe, read_lesson, tell, write_model
from giemsa.training.bundle import Epoch
from giemsa.training.fitting import Fit, Phase, epochs_within, make_reproducible
from giemsa.training.networks import residual_network, sized
from giemsa.workspace import Workspace

RATE = 300.0  # cells of 96 px a second on two cores, see benchmarks/training.py
COARSE = 2 / 3  # side of the first phase's pictures
NAME = "cnn"


def run(workspace: Workspace, *, image: Image, train: Train, reject: Reject) -> None:
    """Write ``models/cnn``: half of the epochs at two thirds of the resolution, then half at full.

    Raises:
        CheckFailedError: if a side of the split holds no cell.
        UsageError: if there are no curated cells, or MLflow is not there.
    """
    lesson = read_lesson(workspace, image)
    make_reproducible(train.seed)
    network = residual_network(len(lesson.classes), widths=train.widths, dropout=train.dropout)
    epochs = epochs_within(train, rate=RATE / (0.5 + 0.5 * COARSE**2), cells=len(lesson.train))
    phases = [
        Phase("coarse", int(epochs / 2), 8 * round(image.size * COARSE / 8)),
        Phase("full", max(1, int(epochs) - int(epochs / 2)), image.size),
    ]
    info = describe(
        lesson,
        image,
        train,
        network=network,
        name=NAME,
        family="cnn",
        weights="random, trained from scratch",
        pretrained=False,
        recipe=f"residual network {train.widths}, {sum(phase.epochs for phase in phases)} epochs at most",
    )
    with training_run(workspace, info) as live:

        def on_epoch(epoch: Epoch) -> None:
            tell(NAME, epoch)
            live.log(epoch.epoch, epoch_figures(epoch))

        history = Fit(network, lesson.train, lesson.validation, train, on_epoch).run(phases)
    write_model(workspace, sized(network, image.size), info, history, lesson, reject)
