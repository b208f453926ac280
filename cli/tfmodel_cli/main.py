"""`tfmodel`: one module a command; what is heavy is imported when a command needs it."""

import sys
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from tfmodel_cli.errors import CommandError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train, check and serve TensorFlow models, on Kubernetes or without it.",
)


@app.command()
def run(  # noqa: PLR0913, PLR0917 - each parameter is a flag
    manifest: Annotated[Path, typer.Argument(help="TFModel manifest, or a folder of manifests")],
    input_: Annotated[list[str] | None, typer.Option("--input", help="NAME=PATH: a path for a declared input")] = None,
    request: Annotated[Path | None, typer.Option(help="predict body to post; the answer is printed")] = None,
    once: Annotated[bool, typer.Option("--once", help="stop when the request is answered")] = False,
    rest_api_port: Annotated[int, typer.Option("--rest_api_port", "--rest-api-port", help="REST port")] = 8501,
    port: Annotated[int, typer.Option("--port", help="gRPC port")] = 8500,
    work_dir: Annotated[Path | None, typer.Option(help="folder to work in and to keep")] = None,
) -> None:
    """Run a whole TFModel without a cluster: train, export, check, serve."""
    from tfmodel_cli.run import Options
    from tfmodel_cli.run import run as run_locally

    inputs = dict(_named_path(text) for text in input_ or [])
    run_locally(Options(manifest, inputs, request, once, rest_api_port, port, work_dir))


def _named_path(text: str) -> tuple[str, Path]:
    name, sign, path = text.partition("=")
    if not sign or not Path(path).exists():
        raise CommandError(f"--input {text}: expected NAME=PATH with a path that exists")
    return name, Path(path)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def serve(context: typer.Context) -> None:
    """Serve a SavedModel folder, with TensorFlow Serving's flags."""
    from tfmodel_runtime.main import main as serve_main

    raise typer.Exit(serve_main(context.args))


@app.command()
def inspect(folder: Annotated[Path, typer.Argument(help="folder of a SavedModel")]) -> None:
    """Show what a SavedModel can be asked, with an example request."""
    from tfmodel_cli.inspect_model import inspect_model

    typer.echo(inspect_model(folder))


@app.command()
def predict(  # noqa: PLR0913, PLR0917 - each parameter is a flag
    folder: Annotated[Path, typer.Argument(help="folder of a SavedModel")],
    tag_set: Annotated[str, typer.Option("--tag_set", "--tag-set", help="tags of the graph, with commas")] = "serve",
    signature_def: Annotated[
        str, typer.Option("--signature_def", "--signature-def", help="signature")
    ] = "serving_default",
    inputs: Annotated[str, typer.Option("--inputs", help="INPUT=FILE.npy or INPUT=FILE.npz[NAME]; ...")] = "",
    input_exprs: Annotated[
        str, typer.Option("--input_exprs", "--input_expr", "--input-exprs", help="INPUT=[[1.0]]; INPUT=np.ones((2, 3))")
    ] = "",
    input_examples: Annotated[
        str, typer.Option("--input_examples", "--input-examples", help='INPUT=[{"feature": [1.0]}]: tf.Examples')
    ] = "",
    outdir: Annotated[Path | None, typer.Option(help="folder to write OUTPUT.npy files to")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="write over files that are there")] = False,
) -> None:
    """Ask a SavedModel, as `saved_model_cli run` does."""
    from tfmodel_cli import model_inputs
    from tfmodel_cli import predict as asking

    given = {
        **(model_inputs.from_files(inputs) if inputs else {}),
        **(model_inputs.from_expressions(input_exprs) if input_exprs else {}),
        **(model_inputs.from_examples(input_examples) if input_examples else {}),
    }
    target = asking.Target(folder, tuple(tag.strip() for tag in tag_set.split(",")), signature_def)
    outputs = asking.predict(target, given)
    typer.echo(asking.told(outputs))
    for file in asking.save(outputs, outdir, overwrite=overwrite) if outdir is not None else []:
        typer.echo(f"written: {file}")


@app.command()
def convert(  # noqa: PLR0913, PLR0917 - each parameter is a flag
    model: Annotated[Path, typer.Argument(help="folder of a SavedModel, or a .keras or .h5 file")],
    to: Annotated[list[str], typer.Option("--to", help="TFLite, ONNX, Keras, HDF5 or FrozenGraph; may be repeated")],
    output: Annotated[Path, typer.Option(help="folder to write to")],
    signature_def: Annotated[
        str, typer.Option("--signature_def", "--signature-def", help="signature to convert")
    ] = "serving_default",
    quantization: Annotated[str, typer.Option(help="of TFLite: None, DynamicRange, Float16 or Int8")] = "None",
    representative_data: Annotated[
        Path | None,
        typer.Option(
            "--representative_data", "--representative-data", help="rows for Int8: .npy, .npz, .csv, .tfrecord"
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="write over files that are there")] = False,
) -> None:
    """Write a model in other formats, each held against the SavedModel."""
    from tfmodel_cli import convert as converting

    options = converting.Options(model, to, output, signature_def, quantization, representative_data, overwrite)
    for line in converting.convert(options):
        typer.echo(line)


@app.command()
def plan(manifest: Annotated[Path, typer.Argument(help="TFModel manifest, or a folder of manifests")]) -> None:
    """Show the objects that the operator would make."""
    from tfmodel_cli.plan_command import objects

    typer.echo(objects(manifest))


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="name of a TFModel in the cluster")],
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="its namespace")] = None,
) -> None:
    """Tell why a TFModel is, or is not, ready."""
    from tfmodel_cli.explain import explain as explain_model

    typer.echo(explain_model(name, namespace))


@app.command()
def plot(
    name: Annotated[
        str, typer.Argument(help="name of a TFModel in the cluster, a version's folder, or a history file")
    ],
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="its namespace")] = None,
    output: Annotated[Path | None, typer.Option(help="PNG file to draw the curves into")] = None,
) -> None:
    """Draw the curves of a training: in the terminal, and as a PNG."""
    from shutil import get_terminal_size

    from tfmodel_cli import history
    from tfmodel_cli import plot as plotting

    epochs = history.of_path(Path(name)) if Path(name).exists() else history.of_cluster(name, namespace)
    typer.echo(plotting.in_terminal(epochs, columns=get_terminal_size().columns))
    if output is not None:
        plotting.as_png(epochs, output, title=name)
        typer.echo(f"written: {output}")


@app.command()
def version() -> None:
    """Show the version of this program."""
    typer.echo(installed_version("tfmodel"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the exit code of the process: 1 with a sentence if it cannot go on."""
    try:
        app(args=list(sys.argv[1:] if arguments is None else arguments), standalone_mode=True)
    except CommandError as error:
        sys.stderr.write(f"error: {error}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
