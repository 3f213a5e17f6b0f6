"""Let the two trained networks answer together."""

from giemsa.errors import UsageError
from giemsa.registry.training_runs import training_run
from giemsa.settings import Image, Reject
from giemsa.stages.learning import read_lesson, write_model
from giemsa.training.bundle import load_network, read_info
from giemsa.training.networks import ensemble
from giemsa.workspace import Workspace

NAME = "ensemble"
MEMBERS = ("cnn", "fine-tuned")
DOUBT = 0.9  # benchmarks/doubt.py, decision 10


def run(workspace: Workspace, *, image: Image, reject: Reject) -> None:
    """Write ``models/ensemble``: both networks in one, each with a calibrated say.

    Nothing is trained here; what is measured on validation cells is the ensemble's own temperature and what
    it rejects.

    Raises:
        UsageError: if a member was not trained yet, or on other cells, or MLflow is not there.
        CheckFailedError: if a side of the split holds no cell.
    """
    folders = [workspace.model(name) for name in MEMBERS]
    members = [read_info(folder) for folder in folders]
    lesson = read_lesson(workspace, image)
    for folder, info in zip(folders, members, strict=True):
        if info.data != lesson.data:
            message = f'{folder} was trained on other cells: run "dvc repro" to train it again.'
            raise UsageError(message)
    networks = [load_network(folder) for folder in folders]
    network = ensemble(networks, [info.temperature for info in members], size=image.size)
    first = members[0]
    pretrained = any(each.pretrained for each in members)
    info = first.model_copy(
        update={
            "name": NAME,
            "family": "ensemble",
            "weights": f"those of {' and '.join(MEMBERS)}" + ("" if pretrained else ": none pretrained"),
            "pretrained": pretrained,
            "params": {"seed": first.params["seed"], "members": {each.name: each.params for each in members}},
            "parameters": network.count_params(),
            "temperature": 1.0,
            "rejection": {},
            "doubt": DOUBT,
            "recipe": f"{' and '.join(MEMBERS)}: mean of their calibrated logits; "
            f"below {DOUBT:.0%} confidence, of all eight orientations",
        }
    )
    with training_run(workspace, info):
        write_model(workspace, network, info, [], lesson, reject)
