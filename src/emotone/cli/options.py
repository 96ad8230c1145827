"""Options that several commands share, and what `--adapt` does: adaptation to recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from emotone.cli import console
from emotone.cli.console import progress
from emotone.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emotone.audio.source import Track
    from emotone.bundles.bundle import Bundle
    from emotone.inference.inputs import RecordingPath
    from emotone.inference.result import Failure, Selection
    from emotone.recipes.recipe import Recipe
    from emotone.recipes.transfer import UnlabelledMethod

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_OPTIONS = (
    click.option(
        "--from",
        "--source",
        "source",
        default="",
        metavar="RUN|MODEL|FILE",
        help="Weights to start from: the folder of a training run or of a model, a shipped model, a source "
        "(see emotone sources list), or a file of weights.",
    ),
    click.option(
        "--transfer",
        "--plan",
        "plan",
        default="",
        metavar="PLAN",
        help="Which layers are loaded and which are trained. A1 trains nothing; A2 fine-tunes all layers; A3 to A5 "
        "freeze more and more of them; A6 to A8 freeze the same layers and re-initialise the others; anger-0 to "
        "anger-3 are for networks of five stages. `emotone train` also accepts auto, which selects a plan by "
        "cross-validation.",
    ),
    click.option(
        "--unlabelled",
        type=click.Choice(["statistics", "pseudo-labels"]),
        default=None,
        help="Unsupervised adaptation: ignore the labels. statistics re-estimates the statistics of batch "
        "normalisation (plan A1); pseudo-labels trains on the most confident predictions of the starting weights "
        "(plans A2 to A8).",
    ),
    click.option(
        "--labels", default="", metavar="NAME", help="Label set that replaces the recipe's, e.g. seven, four or every."
    ),
)


def _channel(context: click.Context, parameter: click.Parameter, value: str) -> Selection:
    """Return the channel of an option; raise `BadParameter` for anything else."""
    if value in {"mix", "each"}:
        return cast("Selection", value)
    if not value.isdecimal():
        raise click.BadParameter(f"'{value}' was given; allowed: a number from 0, mix, or each", context, parameter)
    return int(value)


def _track(context: click.Context, parameter: click.Parameter, value: str) -> Track:
    """Return the audio track of an option; raise `BadParameter` for anything else."""
    if value in {"default", "all"}:
        return cast("Track", value)
    if not value.isdecimal():
        raise click.BadParameter(f"'{value}' was given; allowed: a number from 0, default, or all", context, parameter)
    return int(value)


def channel_option(help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option `--channel`; the text says what a command does with every channel."""
    return click.option(
        "--channel",
        callback=_channel,
        default="mix",
        show_default=True,
        metavar="N|mix|each",
        help=f"A channel, counted from 0; the mean of all; or {help_text}.",
    )


model_option = click.option(
    "--model",
    default="default",
    show_default=True,
    metavar="NAME|DIR",
    help="A shipped model, or the folder of a bundle.",
)
"""The option `--model` of commands that analyse with one model."""

track_option = click.option(
    "--track",
    callback=_track,
    default="default",
    show_default=True,
    metavar="N|default|all",
    help="Audio track of a video or container, counted from 0; all puts the channels of all tracks together.",
)
"""The option `--track`."""


def transfer_options(command: _Command) -> _Command:
    """Add `--from`, `--transfer`, `--unlabelled` and `--labels` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class TransferOptions:
    """Values of the transfer options.

    Attributes:
        source: weights to start from; "" keeps those of the recipe.
        plan: name of a transfer plan, or "auto"; "" keeps the recipe's.
        unlabelled: method of unsupervised adaptation; "" trains on labels.
        labels: name of a label set; "" keeps the recipe's.

    """

    source: str = ""
    plan: str = ""
    unlabelled: UnlabelledMethod = ""
    labels: str = ""

    @property
    def is_transfer(self) -> bool:
        """Whether weights, a plan or an adaptation are given."""
        return bool(self.source or self.plan or self.unlabelled)

    @property
    def is_auto(self) -> bool:
        """Whether the plan is to be selected by cross-validation."""
        from emotone.fitting.plan_selection import AUTO

        return self.plan == AUTO

    def recipe(self, given: Recipe | None) -> Recipe:
        """Return the recipe with these options; without a recipe, that of the training of `source`.

        Raises:
            UsageError: neither a recipe nor a source, a source without a plan, or auto with unsupervised adaptation.
            ConfigError: options that contradict each other or the recipe.
            UnknownNameError: an unknown plan, label set or source.

        """
        from emotone.fitting.resolve import recipe_for

        if self.is_auto and self.unlabelled:
            raise UsageError(
                "--transfer auto scores plans on labelled clips; with --unlabelled, pass the name of a plan, e.g. A5"
            )
        # Every plan is tried with auto, so that any name will do here.
        plan = "A2" if self.is_auto else self.plan
        return recipe_for(given, source=self.source, plan=plan, labels=self.labels, unlabelled=self.unlabelled)


PART_SIZE = 256
BULK_ONLY = {"address": None, "resume": False, "part_size": None, "adapt_by": None}
"""Options that only a bulk run has, with their values where they are not given."""


def bulk_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--engine`, `--address`, `--resume`, `--part-size` and `--adapt-by`."""
    for option in (
        click.option(
            "--adapt-by",
            metavar="COLUMN",
            help="With --engine and a manifest: adapt the model to the recordings of each value of COLUMN, such as a "
            "speaker, channel or source. They are read twice. Needs a model with an encoder.",
        ),
        click.option(
            "--part-size",
            type=click.IntRange(min=1),
            metavar="N",
            help=f"With --engine: recordings per file of results.  [default: {PART_SIZE}]",
        ),
        click.option("--resume", is_flag=True, help="With --engine: continue the run in --out that was interrupted."),
        click.option("--address", metavar="HOST:PORT", help="With --engine ray: a running cluster; auto finds one."),
        click.option(
            "--engine",
            metavar="NAME",
            help="Write results in parts to --out, which can be a URL, and can be resumed: local (processes of this "
            "machine) or ray (a cluster). PATH may be a list (.txt), a manifest (.parquet) or a URL too.",
        ),
    ):
        function = option(function)
    return function


def check_not_bulk(options: dict[str, Any]) -> None:
    """Raise `UsageError` for options that need `--engine`."""
    for name, default in BULK_ONLY.items():
        if options[name] != default:
            raise UsageError(f"--{name.replace('_', '-')} needs --engine local or --engine ray")


def adapt_to(
    bundle: Bundle, items: Sequence[RecordingPath | Failure], *, channel: Selection, track: Track, quiet: bool
) -> tuple[Bundle, list[Failure]]:
    """Return a model adapted to recordings, and why some can't be used; print the notes of the adaptation.

    Args:
        bundle: a model with a head on embeddings.
        items: recordings, and failures of earlier steps, which are returned with the others.
        channel: counted from 0, "mix", or "each" to use every channel as a recording of its own.
        track: counted from 0, "default" or "all".
        quiet: hide progress and notes.

    Raises:
        UsageError: a model without such a head, or fewer than two recordings with speech.

    """
    from emotone.inference.adaptation import EmbeddingStatistics
    from emotone.inference.result import Failure

    statistics = EmbeddingStatistics(bundle)
    failures: list[Failure] = []
    with progress(quiet=quiet) as bar:
        advance = bar.counter("adaptation", len(items))
        for item in items:
            failed = item if isinstance(item, Failure) else statistics.attempt(item.path, channel=channel, track=track)
            failures += [] if failed is None else [failed]
            advance(1)
    adapted = statistics.adapted()
    for note in () if quiet else adapted.notes:
        console.note(note)
    return adapted.bundle, failures
