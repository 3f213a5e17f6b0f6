"""``giemsa serve``: the champion behind a web page and an interface for programs."""

import os
import socket
import warnings
from typing import Annotated

import typer

from giemsa.cli.app import app

# Longer than clients and proxies keep an idle connection: none is closed while a request is under way.
KEEP_ALIVE_S = 75


@app.command("serve")
def serve_model(
    host: Annotated[
        str, typer.Option(help="The address to listen on; beyond loopback GIEMSA_TOKEN is needed.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
    model: Annotated[
        str, typer.Option("--model", help="A folder, or a registry reference; an alias is followed.")
    ] = "champion",
) -> None:
    """Serve the champion: a web page, and POST /predict for programs."""
    # Small matrix products cost more on several threads than they gain; the cores are busy with images.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged metadata, which the log need not tell
    import uvicorn

    from giemsa.errors import UsageError
    from giemsa.serving.app import create_app
    from giemsa.serving.following import Follower
    from giemsa.serving.limits import LOOPBACK
    from giemsa.settings import params_or_defaults
    from giemsa.workspace import find_workspace

    token = os.environ.get("GIEMSA_TOKEN", "")
    if host not in LOOPBACK and not token:
        message = (
            f"Serving on {host} lets others in: set GIEMSA_TOKEN to a secret first, or leave --host away."
        )
        raise UsageError(message)
    workspace = find_workspace()
    serve = params_or_defaults(workspace.params).serve
    follower = Follower(model, workspace)
    application = create_app(workspace, follower, serve, token=token)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        message = f"{host}:{port} cannot be listened on ({error.strerror}): give another --port or --host."
        raise UsageError(message) from None
    typer.echo(
        f"{follower.current.model.version} answers on http://{host}:{port} (Ctrl-C stops it).", err=True
    )
    config = uvicorn.Config(application, log_level="info", timeout_keep_alive=KEEP_ALIVE_S)
    uvicorn.Server(config).run(sockets=[listener])
