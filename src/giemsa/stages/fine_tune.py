"""Fine-tune a pretrained MobileNetV3: the head on its frozen base, then its layers too."""

from functools import partial
from typing import Any

from giemsa.errors import UsageError
from giemsa.progress import say
from giemsa.registry.training_runs import training_run
from giemsa.settings import HERE, Compute, FineTune, Image, Reject
from giemsa.stages.learning import Lesson, describe, read_lesson, telling, write_model
from giemsa.training.budget import SPEED, affordable_epochs
from giemsa.training.bundle import BundleInfo
from giemsa.training.fine_tuning import fit_head, freeze, pretrain
from giemsa.training.fitting import Phase
from giemsa.training.learner import make_reproducible
from giemsa.training.networks import mobilenet, sized
from giemsa.training.together import fit
from giemsa.training.weights import RANDOM, Origin
from giemsa.workspace import HEAD, Workspace

TUNED = "fine-tuned"


def run(
    workspace: Workspace, *, image: Image, fine_tune: FineTune, reject: Reject, compute: Compute = HERE
) -> None:
    """Write ``models/frozen-head`` and ``models/fine-tuned``: the same network before and after.

    Raises:
        CheckFailedError: if a side of the split holds no cell.
        UsageError: if there are no curated cells, no pretrained weights to be had, no layer to be trained, or
            MLflow is not there.
    """
    lesson = read_lesson(workspace, image)
    make_reproducible(fine_tune.seed)
    network, origin, epochs = _start(workspace, lesson, image, fine_tune)
    freeze(network, fine_tune.frozen_layers)  # the head below is trained apart from it
    facts = {"family": "mobilenet", "weights": origin.sentence, "pretrained": origin.pretrained}

    def describing(name: str, recipe: str, trainers: int = 1) -> BundleInfo:
        return describe(
            lesson, image, fine_tune, network=network, trainers=trainers, name=name, recipe=recipe, **facts
        )

    info = describing(HEAD, f"{fine_tune.backbone}, base frozen, {fine_tune.head_epochs} epochs of the head")
    with training_run(workspace, info) as live:
        before = fit_head(network, lesson.train, lesson.validation, fine_tune, telling(HEAD, live))
        write_model(workspace, sized(network, image.size), info, before, lesson, reject)

    layers = f"all but {fine_tune.frozen_layers} layers" if fine_tune.frozen_layers else "all layers"
    info = describing(
        TUNED, f"{fine_tune.backbone}, head, then {layers}, {epochs} epochs at most", compute.trainers
    )
    with training_run(workspace, info) as live:
        phases = [Phase("all", epochs, image.size)]
        told = telling(TUNED, live)
        history = fit(network, lesson.train, lesson.validation, fine_tune, phases, told, compute)
        write_model(workspace, sized(network, image.size), info, history, lesson, reject)


def _start(workspace: Workspace, lesson: Lesson, image: Image, settings: FineTune) -> tuple[Any, Origin, int]:
    """Build the network, give it its first weights, and count the epochs that the budget pays for.

    Drawn cells alone may do without pretrained weights when they are asked for, and the model says so. A
    network that starts from random weights gains nothing from larger pictures.
    """
    build = partial(mobilenet, len(lesson.classes), backbone=settings.backbone, dropout=settings.dropout)
    count = partial(affordable_epochs, settings, cells=len(lesson.train))
    if settings.weights == "imagenet":
        enlarged = settings.enlarged_px
        try:
            network = build(enlarged=enlarged)
            origin = pretrain(network, settings.backbone, workspace.weights)
        except UsageError as error:
            if not lesson.drawn:
                raise
            say(f"{error} These cells are drawn, so training goes on from random weights.")
        else:
            speed = SPEED["mobilenet, pretrained"]
            return network, origin, count([build(enlarged=enlarged, size=image.size)], speed=speed)
    network = build(enlarged=image.size)
    sized_network = build(enlarged=image.size, size=image.size)
    return network, RANDOM, count([sized_network], speed=SPEED["mobilenet, random"])
