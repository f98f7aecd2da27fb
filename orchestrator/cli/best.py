"""`reid-tune best` and `export-config`: a study's winner, retrained or as a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Command
from orchestrator.cli.output import INTERRUPTED, console, json_option, print_json, study_argument, table
from orchestrator.cli.training import interruptible, threads_option

if TYPE_CHECKING:
    from orchestrator.service.retrain import Retrained
    from orchestrator.service.service import Service

__all__ = ["best_command", "export_config_command"]


@click.command("best", cls=Command)
@study_argument
@click.option(
    "--retrain",
    is_flag=True,
    help="Train the winner's configuration on all training data, then measure the test split once.",
)
@click.option(
    "--pick",
    default="",
    metavar="METRIC",
    help="Of several objectives: the one of the Pareto front that is best in this. Default: the first objective.",
)
@click.option("--trial", type=int, metavar="N", help="This trial instead of the winner.")
@click.option("--baseline", is_flag=True, help="With --retrain: do the same for the recipe's default configuration.")
@click.option(
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    help="With --retrain: train this long. Default: twice the study's full length.",
)
@threads_option
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="STUDY|FILE",
    help="With --retrain: learn from this model. Default: the retrained winner of the study that taught the search.",
)
@click.option(
    "--register",
    "register",
    default="",
    metavar="NAME",
    help="Put the model to use (retrained, where it was) into MLflow's registry, as the next version of NAME.",
)
@click.option("--alias", default="champion", show_default=True, metavar="NAME", help="With --register: its alias.")
@json_option
def best_command(
    study: str,
    *,
    retrain: bool,
    pick: str,
    trial: int | None,
    baseline: bool,
    epochs: int | None,
    threads: int | None,
    teachers: tuple[str, ...],
    register: str,
    alias: str,
    as_json: bool,
) -> int:
    """The winner of a study; with --retrain, the model to use.

    The first Ctrl-C ends a retraining after its epoch, SIGTERM after its batch; the same command goes on there.

    Examples:
      reid-tune best latest
      reid-tune best cows --retrain --baseline
      reid-tune best cows --pick latency_ms --retrain
      reid-tune best cows --register cows --alias champion
    """
    from orchestrator.cli.report import print_winner
    from orchestrator.service.retrain import retraining
    from orchestrator.service.service import Service

    service = Service()
    if pick and trial is not None:
        raise click.UsageError("--pick and --trial both choose: give one of them")
    if teachers and not retrain:
        raise click.UsageError("--teacher is for --retrain: the winner has learned already")
    if register:
        if retrain or baseline or pick:
            raise click.UsageError("--register takes the model that is there: retrain first, or name a --trial")
        _register(service, study, register, alias, trial=trial, threads=threads, as_json=as_json)
        return 0
    if not retrain:
        if as_json:
            print_json(service.trial(study, service.winner(study, pick=pick, trial=trial).trial))
        else:
            print_winner(service, study, pick=pick, trial=trial)
        return 0
    planned = [  # all of them first: what cannot be trained is refused before anything is
        retraining(service, study, which=which, pick=pick, trial=trial, epochs=epochs, teachers=teachers)
        for which in (("default", "winner") if baseline else ("winner",))
    ]
    out = console()
    results = []
    with interruptible() as asked:
        for one in planned:
            if not as_json:
                out.print(f"training the {one.which} on all training data ...")
            say = None if as_json else lambda line: out.print(f"  {line}", markup=False)
            made = one.train(threads=threads, say=say, should_stop=asked.stop, should_leave=asked.leave)
            if made is None:
                break
            results.append(made)
    if as_json:
        print_json(results)
    elif len(results) == len(planned):
        _print_retrained(results)
    return 0 if len(results) == len(planned) else INTERRUPTED


def _register(
    service: Service, study: str, name: str, alias: str, *, trial: int | None, threads: int | None, as_json: bool
) -> None:
    """The model in MLflow's registry, and how it is loaded."""
    from dataclasses import asdict

    from orchestrator.service.model_out.find import find_model
    from orchestrator.service.model_out.register import register_model

    made = register_model(find_model(service, study, trial=trial), service.home, name, alias=alias, threads=threads)
    if as_json:
        print_json(asdict(made))
        return
    click.echo(f"Model    {made.which}")
    click.echo(f"Version  {made.version} of {made.name}, alias {made.alias}, in {made.uri}")
    click.echo(f'Load     mlflow.pyfunc.load_model("{made.load}").predict(pd.DataFrame({{"image": ["photo.jpg"]}}))')


def _print_retrained(results: Sequence[Retrained]) -> None:
    """The models on the test split, and below them the teachers that know the same identities."""
    from search_spaces.measures import measures_of

    out = console()
    measures = measures_of(str(results[-1].config["TASK.NAME"]))
    names = list(dict.fromkeys((*measures.told(results[-1].metrics)[:4], *measures.short(results[-1].metrics))))
    rows = [
        [
            f"{one.which} (trial {one.trial})",
            str(one.epochs),
            *(measures.text(one.metrics.get(name), name) for name in names),
        ]
        for one in results
    ]
    rows += [
        [f"teacher {one.source}", str(one.epoch), *(measures.text(one.metrics.get(name), name) for name in names)]
        for one in results[-1].teachers
        if one.same_data
    ]
    percent = all(map(measures.is_fraction, names))
    heads = [measures.title(name) if percent else measures.label(name) for name in names]
    out.print(table(["test, %" if percent else "test", "epochs", *heads], rows, right=["epochs", *heads]))
    out.print(results[-1].protocol, markup=False)
    out.print(f"Model   {results[-1].checkpoint}", soft_wrap=True)


@click.command("export-config", cls=Command)
@study_argument
@click.option("--trial", type=int, metavar="N", help="Which trial; default: the winner.")
@click.option(
    "--out",
    "out_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; default: standard output.",
)
@json_option
def export_config_command(study: str, trial: int | None, out_file: Path | None, *, as_json: bool) -> None:
    """The complete configuration of a trial, for `reid-tune train --config`.

    Examples:
      reid-tune export-config latest --out best.yaml
      reid-tune export-config cows --trial 3 > trial3.yaml
    """
    from orchestrator.service.service import Service
    from reid_core.errors import UsageError

    service = Service()
    if as_json:
        number = trial if trial is not None else service.winner(study).trial
        print_json(dict(service.trial(study, number).config))
        return
    text = service.export_config(study, trial)
    if out_file is None:
        click.echo(text, nl=False)
        return
    try:
        out_file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {out_file}: {error.strerror}", hint="name a file in an existing folder"
        ) from error
    click.echo(f"wrote {out_file}; train it with: reid-tune train --config {out_file}")
