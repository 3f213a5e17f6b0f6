"""What a person asks of a retraining, checked as a whole before anything runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from giemsa.data.folders import holds_images
from giemsa.data.versioning import check_present
from giemsa.errors import UsageError
from giemsa.settings import Params, load_params
from giemsa.workspace import Workspace, whole

Overrides = Mapping[str, bool | int | float | str | list[Any]]


def images_of(source: str, workspace: Workspace) -> str | None:
    """Name what new images are taken from: ``source``, else the inbox where it holds images.

    Raises:
        UsageError: if ``source`` is a path that does not exist, if there were never any images, or if those
            that there are have to be fetched first.
    """
    if source:
        name = source.partition(":")[0]
        if name in {"demo", "bloodmnist"} or (workspace.root / source).exists():
            return source
        message = f"{source} does not exist: give a folder, a .zip, an .npz, bloodmnist or demo."
        raise UsageError(message)
    check_present(workspace.raw)
    inbox = workspace.inbox
    if holds_images(inbox):
        return str(inbox)
    if not workspace.raw.exists():
        message = f"There are no images yet: put some into {inbox}, a folder per class, or give a source."
        raise UsageError(message)
    return None


def override(params: Path, values: Overrides) -> Params:
    """Write ``values`` into ``params.yaml``, whole and with its comments, if the result is a valid one.

    They stay, as after ``dvc exp run --set-param``: data, models and parameters of a folder always agree.

    Args:
        params: the file.
        values: dotted names and their new values, such as ``{"train.max_epochs": 20}``.

    Raises:
        UsageError: for a file that is not valid; naming every unknown name and value out of range at once.
    """
    standing = load_params(params)
    if not values:
        return standing
    yaml = YAML()
    content = yaml.load(params.read_text(encoding="utf-8"))
    for name, value in values.items():
        *sections, key = name.split(".")
        place = content
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                message = f"{name} is no parameter of params.yaml: give names such as train.max_epochs."
                raise UsageError(message)
        place[key] = _on_one_line(value) if isinstance(value, list) else value
    with whole(params) as partial:
        yaml.dump(content, partial)
        try:
            return load_params(partial)
        except UsageError as error:
            raise UsageError(str(error).replace(str(partial), str(params))) from None


def _on_one_line(values: list[Any]) -> CommentedSeq:
    """Write a list the way ``params.yaml`` does."""
    line = CommentedSeq(values)
    line.fa.set_flow_style()
    return line
