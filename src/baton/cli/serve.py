"""`baton serve`: bundle files behind the model server, without a workspace."""

import os
import sys
from pathlib import Path

import click

from baton.cli.right import Owned

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(cls=Owned, action="serve")
@click.argument("bundles", nargs=-1, required=True, type=_FILE, metavar="BUNDLE…")
@click.option("--key", type=_FILE, help="Public key (PEM) of who is trusted to seal bundles.")
@click.option("--unsigned", is_flag=True, help="Serve whatever is there, sealed or not: to try it out.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address. Another than this machine's needs BATON_SERVE_TOKEN."
)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--port-file", type=_FILE, help="File that receives the port once it listens.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 16), help="Processes that share the port.")
@click.option("--grpc-port", type=click.IntRange(0, 65535), help="Port for gRPC as well; needs baton-ml[grpc].")
@click.option("--log", type=click.Path(path_type=Path, file_okay=False), help="Folder that keeps the prediction log.")
@click.option("--memory", metavar="SIZE", help="Most memory, e.g. 512M: of each process, and of each model that has its own.")
@click.option("--cpu", type=click.IntRange(1), help="Cores of each model.  [default: as its manifest says, else 1]")
def serve(bundles: tuple[Path, ...], *, unsigned: bool, **told: object) -> None:
    """Serve bundle files until stopped: each is a model under its name, the first also at /predict.

    A file that was replaced is taken up on SIGHUP, without a dropped request. Made by: baton bundle import, or export.
    """
    options = [text for name, value in told.items() if value is not None for text in (f"--{name.replace('_', '-')}", str(value))]
    command = [
        sys.executable, "-m", "baton.inference.standalone", *options, *(["--unsigned"] if unsigned else []),
        *(str(bundle.absolute()) for bundle in bundles),
    ]  # fmt: skip
    # The server takes this process's place: signals and exit code are its own, and the command line never loads it.
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606
