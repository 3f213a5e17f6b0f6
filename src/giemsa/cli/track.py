"""``giemsa track``: bring lost runs and versions back into MLflow."""

import typer

from giemsa.cli.app import app


@app.command("track")
def track_outputs() -> None:
    """Rebuild MLflow's runs and the registered version from what DVC keeps; what is there stays."""
    from giemsa.registry.training_runs import rebuild_runs
    from giemsa.settings import load_params
    from giemsa.stages.register import run
    from giemsa.workspace import find_workspace

    workspace = find_workspace()
    params = load_params(workspace.params)
    names = rebuild_runs(workspace)
    typer.echo(f"Runs in MLflow: {', '.join(names) or 'none, since no model is trained yet'}.")
    if names and (workspace.evaluation / "metrics.json").is_file():
        run(workspace, register=params.register_, evaluate=params.evaluate)
        typer.echo(f"Registered as {workspace.registration} says.")
