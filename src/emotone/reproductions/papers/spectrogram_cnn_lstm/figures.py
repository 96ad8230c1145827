"""The paper's Figures 5 and 7, computed from recordings, and drawn; and settings that its tables share.

Both are stored as JSON, without any recording, and drawn from there as SVG; equal data give equal bytes.
"""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError
from emotone.reproductions.base import PublishedFigure
from emotone.reproductions.figure import COLOURS, opened, text_element

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.fitting.fit import TrainedNetwork
    from emotone.nets.blocks.base import Network
    from emotone.recipes.recipe import Recipe
    from emotone.reproductions.base import Changes
    from emotone.types import Array, Utterance

    Values = NDArray[np.float64]

SPLITS = {"random": ("random split", "random-60-20-20"), "speakers": ("new speakers", "speakers-60-20-20")}
"""Column id -> title and protocol: the paper's split, of recordings instead of chunks, and its counterpart."""
FREE = ("emodb", "savee")
"""Corpora of the paper that anyone can get; each system is trained on both together."""
SHORT = (("training.epochs", 6), ("training.precision", "bfloat16"))
"""Settings of networks with convolutions: few epochs, and products in bfloat16."""
SHORT_LSTM = (("training.epochs", 10),)
"""Settings of the LSTM on raw chunks."""


STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-size:14px;font-weight:600}.back{fill:#fff}"
    ".grid{stroke:#d0d7de}image{image-rendering:pixelated}"
)
DARK = "text{fill:#e6edf3}.back{fill:#0d1117}.grid{stroke:#3d444d}"
LEFT, TOP = 16, 84  # pixels around the filters
CELL, HEIGHT, GAP = 10, 160, 26  # pixels of a row of 8 ms, of a filter, and between filters
LEVELS = 127
PLOT_WIDTH, PLOT_HEIGHT, MARGIN = 330, 200, 46  # pixels of a plot


def draw_filters(data: Mapping[str, Any]) -> str:
    """Return Figure 5: the two channels of each filter, in a column for each measure, low frequencies at the bottom."""
    names = list(dict.fromkeys(each["measure"] for each in data["filters"]))
    columns = [[each for each in data["filters"] if each["measure"] == name] for name in names]
    channels, bands, rows = np.array(columns[0][0]["weights"]).shape
    wide = channels * (rows * CELL + 6)
    step = max(wide + GAP, 150)
    width = LEFT + step * len(columns)
    title = "Filters of R1 by the measure that their outputs follow: 40 ms channel, 5 ms channel"
    lines = [
        *opened(title, width, TOP + max(map(len, columns)) * (HEIGHT + 2 * GAP), left=LEFT, style=STYLE, dark=DARK)
    ]
    for column, (name, filters) in enumerate(zip(names, columns, strict=True)):
        left = LEFT + column * step
        for line, words in enumerate(name.split(", ")):
            lines.append(text_element(left, TOP - 30 + 15 * line, words))
        for place, each in enumerate(filters):
            top = TOP + place * (HEIGHT + 2 * GAP)
            for channel, values in enumerate(np.array(each["weights"])):
                image = base64.b64encode(_png(values[::-1])).decode()
                lines.append(
                    f'<image x="{left + channel * (rows * CELL + 6)}" y="{top}" width="{rows * CELL}" '
                    f'height="{HEIGHT}" preserveAspectRatio="none" href="data:image/png;base64,{image}"/>'
                )
            lines.append(text_element(left, top + HEIGHT + 16, f"correlation {each['correlation']:.2f}"))
    assert bands  # noqa: S101 - a filter has bands
    return "\n".join([*lines, "</svg>"]) + "\n"


def draw_curves(data: Mapping[str, Any]) -> str:
    """Return Figure 7: loss on the training part and recall on the validation part by epoch."""
    width = 2 * (PLOT_WIDTH + 2 * MARGIN)
    title = "Learning curves on Emo-DB and SAVEE, the paper's split of recordings"
    lines = [*opened(title, width, TOP + PLOT_HEIGHT + MARGIN, left=LEFT, style=STYLE, dark=DARK)]
    curves = data["curves"]
    for number, each in enumerate(curves):
        colour = COLOURS[number][0]
        lines.append(f'<path d="M{LEFT + 200 * number} 46h20" stroke="{colour}" stroke-width="2"/>')
        lines.append(text_element(LEFT + 26 + 200 * number, 50, each["system"]))
    most = max(value for each in curves for value in each["loss"])
    plots = (("loss", "loss on the training part", most, 1.0), ("uar", "recall x 100, validation part", 1.0, 100.0))
    for number, (key, name, top, factor) in enumerate(plots):
        left = MARGIN + number * (PLOT_WIDTH + 2 * MARGIN)
        lines.append(text_element(left, TOP - 8, name))
        for share in (0.0, 0.5, 1.0):
            high = round(TOP + PLOT_HEIGHT * (1 - share), 1)
            lines.append(f'<path class="grid" d="M{left} {high}h{PLOT_WIDTH}"/>')
            lines.append(text_element(left - 34, high + 4, f"{share * top * factor:.3g}"))
        for system, each in enumerate(curves):
            lines.append(_curve([value / top for value in each[key]], left, COLOURS[system][0]))
        epochs = max(len(each[key]) for each in curves)
        lines.append(text_element(left, TOP + PLOT_HEIGHT + 22, f"epochs 1 to {epochs}, each curve to its last"))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _curve(shares: Sequence[float], left: float, colour: str) -> str:
    step = PLOT_WIDTH / max(1, len(shares) - 1)
    places = (
        f"{round(left + step * at, 1)} {round(TOP + PLOT_HEIGHT * (1 - share), 1)}" for at, share in enumerate(shares)
    )
    return f'<path d="M{" L".join(places)}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _png(values: NDArray[np.int64]) -> bytes:
    """Return an image of weights [height, width] from -127, blue, over 0, white, to 127, red; not compressed."""
    share = np.clip(values / LEVELS, -1.0, 1.0)
    faded = 255 * (1 - np.abs(share))
    red, blue = np.where(share > 0, 255, faded), np.where(share < 0, 255, faded)
    pixels = np.stack([red, faded, blue], axis=-1).astype(np.uint8)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


SHOWN = 2  # filters of each measure
LEVEL, CROSSINGS, MIDDLE_BAND, HIGH_BAND, PITCH = 0, 14, 15, 16, 25  # places in a row of `hand-built`
HUNDRED_HERTZ_LOW, HUNDRED_HERTZ_HIGH = 1.5, 2.5  # between low, middle and high pitches
TRAININGS = {"R1": ("spectrogram-r1", SHORT), "LSTM on raw chunks": ("spectrogram-lstm-chunks", SHORT_LSTM)}
"""Name -> recipe and changes, as in the tables."""


@dataclass(frozen=True)
class FoundFilter:
    """A filter that follows a measure.

    Attributes:
        measure: what it follows.
        number: of the filter, from 0.
        correlation: Pearson's, of its mean output and the measure, over chunks that it was not selected on.
        weights: [channels][bands][rows], from -127 to 127.

    """

    measure: str
    number: int
    correlation: float
    weights: list[list[list[int]]]


def measures(rows: Array) -> dict[str, Values]:
    """Return what filters are selected by [chunks], by name, from rows of `hand-built` [chunks, 26]; NaN where unknown.

    Formants count by the level of their band relative to that of the chunk, periodicity by few zero crossings, and
    pitches by whether they are in a range, among chunks that have a pitch.
    """
    values = rows.astype(np.float64)
    level, pitch = values[:, LEVEL], values[:, PITCH]

    def in_range(low: float, high: float) -> Values:
        return np.where(pitch > 0, ((pitch >= low) & (pitch < high)).astype(np.float64), np.nan)

    return {
        "pitch below 150 Hz": in_range(0.0, HUNDRED_HERTZ_LOW),
        "pitch of 150 to 250 Hz": in_range(HUNDRED_HERTZ_LOW, HUNDRED_HERTZ_HIGH),
        "pitch above 250 Hz": in_range(HUNDRED_HERTZ_HIGH, np.inf),
        "formants, 200 to 900 Hz": values[:, MIDDLE_BAND] - level,
        "formants, 900 to 1800 Hz": values[:, HIGH_BAND] - level,
        "periodicity": -values[:, CROSSINGS],
        "silence": -level,
    }


def found_filters(
    outputs: Values, rows: Array, weights: Values, *, selected_on: NDArray[np.bool_]
) -> tuple[FoundFilter, ...]:
    """Return the filters that follow each measure best on some chunks, with their correlations on the others.

    Args:
        outputs: mean output of each filter [chunks, filters].
        rows: of `hand-built` [chunks, 26].
        weights: of the filters [filters, channels, bands, rows].
        selected_on: the chunks [chunks] that filters are selected on.

    Raises:
        RunError: a measure has fewer than two different values on some of the chunks.

    """
    found = []
    for name, values in measures(rows).items():
        known = ~np.isnan(values)
        parts = [known & selected_on, known & ~selected_on]
        if any(len(np.unique(values[part])) < 2 for part in parts):
            raise RunError(f"the given recordings have no chunks that differ in {name}; give complete corpora")
        here, elsewhere = (_correlations(outputs[part], values[part]) for part in parts)
        for number in np.argsort(-here, kind="stable")[:SHOWN].tolist():
            shown = weights[number]
            scaled = np.rint(LEVELS * shown / max(float(np.abs(shown).max()), 1e-12)).astype(int)
            found.append(FoundFilter(name, number, round(float(elsewhere[number]), 3), scaled.tolist()))
    return tuple(found)


def compute_filters(corpora: Mapping[str, Sequence[Utterance]]) -> dict[str, Any]:
    """Return the data of Figure 5: filters of R1 by the measures, and the correlations before the training."""
    import torch

    from emotone.features.front_ends.hand_built import HandBuilt
    from emotone.features.store import FeatureStore

    recipe, utterances, labels = _prepared("spectrogram-r1", SHORT, corpora)
    trained, features = _trained(recipe, utterances, labels, patience=recipe.training.epochs)
    torch.manual_seed(recipe.seed)
    initial = recipe.net_spec.build(recipe.feature.dimension, len(labels)).eval()
    for name in ("limits", "centre"):
        initial.blocks[name].load_state_dict(trained.net.blocks[name].state_dict())
    by_key = FeatureStore("hand-built", HandBuilt()).extract(utterances).features
    chunks, rows, selected_on = [], [], []
    for number, key in enumerate(sorted(features.keys() & by_key.keys())):
        count = min(len(by_key[key]), len(features[key]) // recipe.windows.frames(recipe.feature)[0])
        chunks.append(features[key][: count * 64].reshape(count, 64, -1))
        rows.append(by_key[key][:count])
        selected_on += [number % 2 == 0] * count
    x, measured = np.concatenate(chunks), np.concatenate(rows)
    on = np.array(selected_on)
    found, before = (
        found_filters(_outputs(net, x), measured, _weights(net), selected_on=on) for net in (trained.net, initial)
    )
    return {"filters": [asdict(each) for each in found], "before": [each.correlation for each in before]}


def compute_curves(corpora: Mapping[str, Sequence[Utterance]]) -> dict[str, Any]:
    """Return the data of Figure 7: loss and recall on the validation part after each epoch, by system and split."""
    curves = []
    for system, (name, changes) in TRAININGS.items():
        recipe, utterances, labels = _prepared(name, changes, corpora)
        trained, _ = _trained(recipe, utterances, labels, patience=recipe.training.epochs)
        history = trained.history
        curves.append(
            {
                "system": system,
                "loss": [round(epoch.loss, 4) for epoch in history],
                "uar": [round(epoch.score or 0.0, 4) for epoch in history],
            }
        )
    return {"curves": curves}


def _prepared(
    name: str, changes: Changes, corpora: Mapping[str, Sequence[Utterance]]
) -> tuple[Recipe, list[Utterance], tuple[str, ...]]:
    """Return a recipe with its changes, and the utterances of the free corpora with their labels."""
    from emotone.corpora.labels import apply_labels, label_set
    from emotone.recipes.library import load_net_recipe, relabelled
    from emotone.recipes.recipe import Recipe
    from emotone.reproductions.cells import changed

    task = label_set("seven")
    utterances, _ = apply_labels([each for corpus in FREE for each in corpora[corpus]], task)
    recipe = relabelled(changed(load_net_recipe(name), changes), "seven")
    assert isinstance(recipe, Recipe)  # noqa: S101 - a recipe of this package
    return recipe, list(utterances), task.present_in(utterances)


def _trained(
    recipe: Recipe, utterances: Sequence[Utterance], labels: tuple[str, ...], *, patience: int
) -> tuple[TrainedNetwork, Mapping[str, Array]]:
    """Return the network trained on the paper's split, and the features of all utterances."""
    from emotone.fitting.fit import fit
    from emotone.fitting.resolve import resolve
    from emotone.protocols import protocol
    from emotone.reproductions.cells import changed

    made = changed(recipe, (("training.patience", patience),))
    resolved = resolve(made)  # type: ignore[arg-type] # the same kind of recipe
    fold = next(iter(protocol(SPLITS["random"][1]).folds(utterances, seed=recipe.seed)))
    features = resolved.extract(utterances).features
    return fit(resolved, utterances, features, fold, labels=labels), features


def _outputs(net: Network, chunks: Array) -> Values:
    """Return the mean output over time of each filter of the first convolution [chunks, filters]."""
    import torch

    made = []
    with torch.inference_mode():
        for part in np.array_split(chunks, max(1, len(chunks) // 64)):
            x, lengths = torch.from_numpy(part), None
            for name, block in net.blocks.items():
                x, lengths = block(x, lengths)
                if name == "conv1":
                    break
            made.append(x.mean(dim=(2, 3)).double().numpy())
    return np.concatenate(made)


def _weights(net: Network) -> Values:
    weights: Values = net.get_parameter("blocks.conv1.convolution.weight").detach().double().numpy()
    return weights


def _correlations(outputs: Values, values: Values) -> Values:
    """Return the correlation of each column of outputs [chunks, filters] with values [chunks]; 0 for constant ones."""
    centred, measure = outputs - outputs.mean(axis=0), values - values.mean()
    scale = np.sqrt((centred**2).sum(axis=0) * (measure**2).sum())
    found: Values = np.where(scale > 1e-12, centred.T @ measure / np.maximum(scale, 1e-12), 0.0)
    return found


FIGURES = (
    PublishedFigure("figure5", "filters of R1 that follow hand-built measures", FREE, compute_filters, draw_filters),
    PublishedFigure("figure7", "learning curves of R1 and of the LSTM", FREE, compute_curves, draw_curves),
)
