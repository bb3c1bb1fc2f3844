"""`baton bundle`: models as files: bring your own, look at one, check one, take one out of a workspace."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned

if TYPE_CHECKING:
    from baton.app.importing import Imported, Wanted

_FILE = click.Path(path_type=Path, dir_okay=False)
_json = click.option("--json", "plain", is_flag=True, help="For machines.")


@click.group()
def bundle() -> None:
    """Models as files: a bundle holds one model with all that a server needs; its seal stands beside it (FILE.sig)."""


@bundle.command("import", cls=Owned, action="project.make")
@click.argument("file", type=_FILE)
@click.option("--as", "name", default="", metavar="NAME", help="The model's name.  [default: the file's]")
@click.option("--sample", type=_FILE, help="CSV or Parquet with rows as the model takes them: its inputs, and more.")
@click.option(
    "--schema", type=_FILE, help="YAML or JSON: features: {amount: number, country: [de, fr]}, values in the order of codes."
)
@click.option("--features", default="", metavar="NAME,…", help="The inputs in the model's order, when it does not name them.")
@click.option("--expected", default="", metavar="COLUMN", help="The sample's column with the scores that the model gave at home.")
@click.option("--label", default="", help="The class whose probability is the score.  [default: the second of two]")
@click.option(
    "--threshold", type=float, help="From which score on the answer is positive.  [default: 0.5; 0 for unbounded scores]"
)
@click.option("--version", "number", default=1, show_default=True, type=click.IntRange(1), help="The version's number.")
@click.option("--memory", metavar="SIZE", help="What the model may use when it is served, e.g. 512M.")
@click.option("--cpu", default=0, type=click.IntRange(0), help="How many cores it may use when it is served.")
@click.option(
    "--keys", type=click.Path(path_type=Path, file_okay=False), help="Folder of the key pair that seals it, made at first need."
)
@click.option("--output", type=_FILE, metavar="NAME.bundle", help="Where it goes.  [default: NAME.bundle beside FILE]")
@click.option("--import-memory", default="4G", show_default=True, metavar="SIZE", help="What the import itself may use.")
@click.option("--import-seconds", default=300, show_default=True, type=click.IntRange(1), help="How long it may take.")
@_json
def import_(file: Path, plain: bool, **typed: Any) -> None:
    """Make a bundle of a model FILE: ONNX, LightGBM's text, XGBoost's JSON or UBJSON, scikit-learn by skops.

    It ships as ONNX when it then scores like the file on 5,000 rows and more, real ones and edges; else in its own form, which
    is served by a process of its own. Pickles are refused: loading one can run any code.
    """
    from baton.app.importing import import_file

    made = import_file(_wanted(file, typed))
    if plain:
        click.echo(as_json(_plain(made)))
        return
    running, proof = made.manifest.running, made.manifest.parity
    click.echo(f"{made.path}: {made.manifest.project} version {made.manifest.version}, bundle {made.digest[:12]}")
    click.echo(f"  inputs   {_inputs(made.manifest.signature.features)}")
    click.echo(f"  form     {running.form}, gives a {running.kind}; positive from {made.manifest.signature.threshold:g} on")
    if made.note:
        click.echo(f"           not ONNX: {made.note}")
        click.echo("           a process of its own serves it, so its library must be installed where it is served")
    click.echo(
        f"  parity   {proof.rows:,} rows, largest difference {proof.largest_difference:.1e}, {proof.flips} answers flipped"
    )
    click.echo(
        f"  seal     {made.path}.sig"
        if made.sealed
        else "  seal     none: it is served with --unsigned only; --keys DIR seals it"
    )


def _wanted(file: Path, typed: dict[str, Any]) -> "Wanted":
    from baton.app.importing import Wanted
    from baton.registry.bundle import Running

    return Wanted(
        file=file,
        name=typed["name"],
        version=typed["number"],
        sample=typed["sample"],
        schema=typed["schema"],
        features=tuple(name.strip() for name in typed["features"].split(",") if name.strip()),
        expected=typed["expected"],
        label=typed["label"],
        threshold=typed["threshold"],
        running=Running(memory=_size(typed["memory"]) if typed["memory"] else 0, cpu=typed["cpu"]),
        keys=typed["keys"],
        output=typed["output"],
        memory=_size(typed["import_memory"]),
        seconds=float(typed["import_seconds"]),
    )


def _size(text: str) -> int:
    units = {"M": 1 << 20, "G": 1 << 30}
    if not text[:-1].isdigit() or text[-1].upper() not in units:
        raise click.UsageError(f"'{text}' is no size; write e.g. 512M or 2G")
    return int(text[:-1]) * units[text[-1].upper()]


def _plain(made: "Imported") -> dict[str, Any]:
    import msgspec

    manifest: dict[str, Any] = msgspec.to_builtins(made.manifest)
    return {"file": str(made.path), "digest": made.digest, "sealed": made.sealed, "note": made.note, **manifest}


@bundle.command(cls=Owned, action="project.check")
@click.argument("file", type=_FILE)
@_json
def show(file: Path, plain: bool) -> None:
    """What a bundle FILE says of itself. Who sealed it is not asked: baton bundle verify."""
    from baton.app.bundles import show as look

    told = look(file)
    click.echo(as_json(told) if plain else _shown(told))


@bundle.command(cls=Owned, action="project.check")
@click.argument("file", type=_FILE)
@click.option("--key", type=_FILE, help="Public key (PEM) of who should have sealed it.")
@_json
def verify(file: Path, key: Path | None, plain: bool) -> None:
    """Hold a bundle FILE against its digests and, with --key, against its seal; exit code 7 when a byte differs."""
    from baton.app.bundles import verify as check

    told = check(file, key)
    if plain:
        click.echo(as_json(told))
        return
    trust = f"sealed by the key in {key}" if key else "sealed, by whom was not asked: --key" if told["sealed"] else "not sealed"
    click.echo(f"{file} is whole: bundle {told['digest']}, {trust}")


@bundle.command(cls=Owned, action="read")
@click.argument("version", type=click.IntRange(1))
@click.option("--to", "target", required=True, type=_FILE, metavar="NAME.bundle", help="Where it goes; its seal goes beside it.")
@_json
@click.pass_obj
def export(where: Where, version: int, target: Path, plain: bool) -> None:
    """Take a packaged VERSION out of the workspace, as a file with its seal."""
    from baton.app.bundles import export as take

    told = take(where.workspace, version, target)
    click.echo(as_json(told) if plain else _shown(told) + f"\n  serve    baton serve {target} --key {told['key']}")


def _shown(told: dict[str, Any]) -> str:
    running = told.get("running") or {"form": "onnx", "kind": "probability", "memory": 0, "cpu": 0}
    limits = [f"{running['memory'] >> 20} MiB"] if running["memory"] else []
    limits += [f"{running['cpu']} cores"] if running["cpu"] else []
    proof, features = told["parity"], told["signature"]["features"]
    names = ", ".join(f"{each['name']} ({each['kind']})" for each in features[:20])
    lines = [
        f"{told['file']}: {told['project']} version {told['version']}, bundle {told['digest'][:12]}, format {told['format']}",
        f"  inputs   {names}" + (f" and {len(features) - 20} more" if len(features) > 20 else ""),
        f"  form     {running['form']}, {told['bytes']:,} bytes, gives a {running['kind']}",
        f"  limits   {', '.join(limits) or 'none declared'}",
        f"  parity   {proof['rows']:,} rows, largest difference {proof['largest_difference']:.1e}, {proof['flips']} flipped",
        f"  lineage  {', '.join(f'{name} {value}' for name, value in told['lineage'].items()) or 'none'}",
        f"  seal     {'beside it' if told['sealed'] else 'none'}",
    ]
    return "\n".join(lines)


def _inputs(features: Any) -> str:
    shown = ", ".join(f"{each.name}" + (f" ({len(each.categories)} values)" if each.categories else "") for each in features[:20])
    return shown + (f" and {len(features) - 20} more" if len(features) > 20 else "")
