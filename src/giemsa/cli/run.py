"""``giemsa run STAGE``: one stage, as DVC runs it."""

from typing import Annotated

import typer

from giemsa.cli.app import app


@app.command("run")
def run_stage(
    stage: Annotated[str, typer.Argument(help="A stage of dvc.yaml, such as deduplicate.")],
) -> None:
    """Run one stage, as DVC runs it."""
    from giemsa.settings import load_params
    from giemsa.stages import run
    from giemsa.workspace import find_workspace

    workspace = find_workspace()
    run(stage, load_params(workspace.params), workspace)
