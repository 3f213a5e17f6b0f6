"""What both training stages do: read the cells to learn from, and write the model they make, whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from giemsa.errors import CheckFailedError
from giemsa.evaluation.cells import read_side
from giemsa.evaluation.finishing import finish
from giemsa.progress import say
from giemsa.registry.fingerprints import content_hash
from giemsa.registry.tracking import Run
from giemsa.registry.training_runs import epoch_figures
from giemsa.settings import Fitting, Image, Reject
from giemsa.training.batches import Labelled
from giemsa.training.bundle import BundleInfo, DataVersion, Epoch, write_bundle, write_seen
from giemsa.workspace import Workspace, whole


@dataclass(frozen=True)
class Lesson:
    """Cells to learn from; the test side is never read here.

    Args:
        classes: sorted names.
        train: what weights are fitted to.
        validation: what decides when to stop, and calibrates.
        drawn: whether every cell was drawn by a program.
        data: which versions these are.
        contents: SHA-256 of each cell's original, of both sides.
    """

    classes: tuple[str, ...]
    train: Labelled
    validation: Labelled
    drawn: bool
    data: DataVersion
    contents: tuple[str, ...]


def read_lesson(workspace: Workspace, image: Image) -> Lesson:
    """Read the training and validation sides of the split.

    Raises:
        CheckFailedError: if a side holds no cell, or a class that the training side lacks.
        UsageError: if there are no curated cells or no splits.
    """
    train, validation = read_side(workspace, "train", image), read_side(workspace, "validation", image)
    classes = tuple(sorted(set(train.names)))
    if unseen := sorted(set(validation.names) - set(classes)):
        message = f'No cell to learn {", ".join(unseen)} from: bring in more of them with "giemsa ingest".'
        raise CheckFailedError(message)
    return Lesson(
        classes,
        Labelled(train.views, train.labels(classes), len(classes)),
        Labelled(validation.views, validation.labels(classes), len(classes)),
        drawn=train.drawn,
        data=DataVersion(curated=content_hash(workspace.curated), splits=content_hash(workspace.splits)),
        contents=train.contents + validation.contents,
    )


def describe(
    lesson: Lesson,
    image: Image,
    settings: Fitting,
    *,
    network: Any,
    trainers: int,
    **facts: Any,
) -> BundleInfo:
    """Say what a model is; ``facts`` are the fields of ``BundleInfo`` that depend on the recipe."""
    return BundleInfo(
        classes=lesson.classes,
        image=image,
        drawn=lesson.drawn,
        data=lesson.data,
        params=settings.model_dump(mode="json") | {"trainers": trainers},
        parameters=network.count_params(),
        **facts,
    )


def write_model(
    workspace: Workspace,
    network: Any,
    info: BundleInfo,
    history: Sequence[Epoch],
    lesson: Lesson,
    reject: Reject,
) -> None:
    """Write the model's folder, calibrated and able to reject, whole or not at all."""
    with whole(workspace.model(info.name)) as folder:
        write_bundle(folder, network, info, history)
        write_seen(folder, lesson.contents)
        finish(
            folder,
            lesson.train.views,
            lesson.train.labels,
            lesson.validation.views,
            lesson.validation.labels,
            false_rejection=reject.false_rejection,
            seed=info.params["seed"],
        )


def telling(name: str, live: Run) -> Callable[[Epoch], None]:
    """Give what tells a person and the live run how an epoch went."""

    def on_epoch(epoch: Epoch) -> None:
        say(
            f"{name}: epoch {epoch.epoch} ({epoch.phase}), loss {epoch.loss:.3f}, "
            f"validation accuracy {100 * epoch.val_accuracy:.1f}%, macro-F1 {100 * epoch.val_macro_f1:.1f}%"
        )
        live.log(epoch.epoch, epoch_figures(epoch))

    return on_epoch
