"""`baton console`: the pages for people, and the API for jobs and tools."""

import os
import sys
from pathlib import Path

import click

from baton.cli.main import Where
from baton.cli.right import Owned


@click.command(cls=Owned, action="console.run")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address. Another than this machine's needs TLS, or a proxy."
)
@click.option("--tls-cert", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Certificate, for TLS.")
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Its key.")
@click.option("--behind-proxy", is_flag=True, help="A proxy in front of it ends TLS.")
@click.option("--proxy", help="Addresses or networks that the proxy asks from, with commas.  [default: this machine]")
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST",
    help="Name by which browsers ask for it, e.g. console.example.com; repeatable.",
)
@click.option("--link", is_flag=True, help="Print a one-time link to the console that runs already, and end.")
@click.option("--port-file", type=click.Path(path_type=Path), help="File that receives the port once it listens.")
@click.pass_obj
def console(
    where: Where,
    /,
    port: int,
    host: str,
    *,
    behind_proxy: bool,
    proxy: str | None,
    names: tuple[str, ...],
    link: bool,
    **files: Path | None,
) -> None:
    """Serve the console until stopped: pages for people, who sign in; an API for jobs, which show a token.

    Without identities it is for whoever owns the files: it prints a link that opens it once.
    """
    from baton.app.alone.reach import assert_guarded
    from baton.app.declared import load_owned
    from baton.app.visit import fresh_link, require_people

    if link:
        click.echo(fresh_link(where.workspace))
        return
    if (files["tls_cert"] is None) != (files["tls_key"] is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if proxy and not behind_proxy:
        raise click.UsageError("--proxy goes with --behind-proxy")
    assert_guarded(host, tls=files["tls_cert"] is not None, behind_proxy=behind_proxy)
    require_people(where.workspace, host, behind_proxy=behind_proxy)
    load_owned(where.project)
    named = {"project": where.project, "workspace": where.workspace, "host": host, "port": port, "proxy": proxy, **files}
    options = [text for name, value in named.items() if value is not None for text in (f"--{name.replace('_', '-')}", str(value))]
    options += [text for name in names for text in ("--name", name)]
    command = [sys.executable, "-m", "baton.web", *options, *(["--behind-proxy"] if behind_proxy else [])]
    # The server takes this process's place: signals and exit code are its own, and the command line never loads it.
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606
