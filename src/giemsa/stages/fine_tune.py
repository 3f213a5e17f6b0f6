"""Fine-tune a pretrained MobileNetV3: the head on its frozen base, then its layers too."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from giemsa.errors import UsageError
from giemsa.progress import say
from giemsa.registry.training_runs import epoch_figures, training_run
from giemsa.settings import FineTune, Image, Reject
from giemsa.stages.learning import describe, read_lesson, tell, write_model
from giemsa.training.budget import affordable_epochs
from giemsa.training.bundle import BundleInfo, Epoch
from giemsa.training.fine_tuning import fit_head, freeze, pretrain
from giemsa.training.fitting import Fit, Phase
from giemsa.training.learner import make_reproducible
from giemsa.training.networks import mobilenet, sized
from giemsa.training.weights import RANDOM, Origin
from giemsa.workspace import Workspace

if TYPE_CHECKING:
    from giemsa.registry.tracking import Run

HEAD, TUNED = "frozen-head", "fine-tuned"


def run(workspace: Workspace, *, image: Image, fine_tune: FineTune, reject: Reject) -> None:
    """Write ``models/frozen-head`` and ``models/fine-tuned``: the same network before and after.

    Raises:
        CheckFailedError: if a side of the split holds no cell.
        UsageError: if there are no curated cells, no pretrained weights to be had, or MLflow is not there.
    """
    lesson = read_lesson(workspace, image)
    make_reproducible(fine_tune.seed)
    build = partial(
        mobilenet,
        len(lesson.classes),
        backbone=fine_tune.backbone,
        enlarged=fine_tune.enlarged_px,
        dropout=fine_tune.dropout,
    )
    epochs = affordable_epochs(fine_tune, [build(size=image.size)], len(lesson.train))
    network = build()
    origin = _weights(workspace, network, fine_tune, drawn=lesson.drawn)
    facts = {"family": "mobilenet", "weights": origin.sentence, "pretrained": origin.pretrained}

    def describing(name: str, recipe: str) -> BundleInfo:
        return describe(lesson, image, fine_tune, network=network, name=name, recipe=recipe, **facts)

    info = describing(HEAD, f"{fine_tune.backbone}, base frozen, {fine_tune.head_epochs} epochs of the head")
    with training_run(workspace, info) as live:
        before = fit_head(network, lesson.train, lesson.validation, fine_tune, _telling(HEAD, live))
    write_model(workspace, sized(network, image.size), info, before, lesson, reject)

    info = describing(TUNED, f"{fine_tune.backbone}, head, then all but {fine_tune.frozen_layers} layers")
    freeze(network, fine_tune.frozen_layers)
    with training_run(workspace, info) as live:
        told = _telling(TUNED, live)
        history = Fit(network, lesson.train, lesson.validation, fine_tune, told).run(
            [Phase("all", epochs, image.size)]
        )
    write_model(workspace, sized(network, image.size), info, history, lesson, reject)


def _weights(workspace: Workspace, network: object, settings: FineTune, *, drawn: bool) -> Origin:
    """Load pretrained weights; drawn cells alone may do without, and the model says so everywhere."""
    if settings.weights == "none":
        return RANDOM
    try:
        return pretrain(network, settings.backbone, workspace.weights)
    except UsageError as error:
        if not drawn:
            raise
        say(f"{error} These cells are drawn, so training goes on from random weights.")
        return RANDOM


def _telling(name: str, live: "Run") -> Callable[[Epoch], None]:
    def on_epoch(epoch: Epoch) -> None:
        tell(name, epoch)
        live.log(epoch.epoch, epoch_figures(epoch))

    return on_epoch
