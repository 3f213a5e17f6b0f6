"""One thin file per DVC stage: read, compute, write."""

import inspect
from importlib import import_module

from giemsa.errors import UsageError
from giemsa.settings import Params
from giemsa.workspace import Workspace

STAGES = (
    "ingest",
    "validate",
    "deduplicate",
    "split",
    "train",
    "fine-tune",
    "combine",
    "evaluate",
    "register",
)


def run(stage: str, params: Params, workspace: Workspace) -> None:
    """Run ``stage`` with the sections of ``params`` that its ``run`` function names as arguments.

    Raises:
        UsageError: if there is no such stage.
        CheckFailedError: if the data or the model failed a check of the stage.
    """
    if stage not in STAGES:
        message = f'There is no stage "{stage}": the stages are {", ".join(STAGES)}.'
        raise UsageError(message)
    module = import_module(f"giemsa.stages.{stage.replace('-', '_')}")
    names = [name for name in inspect.signature(module.run).parameters if name != "workspace"]
    module.run(workspace, **{name: params.section(name) for name in names})
