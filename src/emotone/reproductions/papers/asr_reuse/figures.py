"""The paper's Figures 4 and 6, computed from recordings: a map of each layer, and a unit that follows the loudness.

Both are stored as JSON, without any recording, and drawn from there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError, missing_extra
from emotone.reproductions.base import PublishedFigure
from emotone.reproductions.figure import opened, text_element

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.types import Array, Utterance

    Values = NDArray[np.float64]

CORPUS = "emodb"
LAYERS = (1, 2, 3)
PERPLEXITY = 30.0
SEED = 1
SIZE, GAP, TOP, LEFT = 300, 24, 84, 16  # pixels of a map and around it
COLOURS = {"anger": "#c62828", "sadness": "#1565c0", "neutral": "#00838f", "happiness": "#2e7d32"}
"""As in the paper; clips with other labels are left out."""
STYLE = "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-size:14px;font-weight:600}.back{fill:#fff}"
DARK = "text{fill:#e6edf3}.back{fill:#0d1117}"
MIN_STEPS = 10  # of a recording whose correlations count
SHOWN_STEPS = 150
EVERY = 5  # of the corpus's clips: correlations of a hundred are enough
LOUDNESS_FRAME = 640  # samples of 40 ms at 16 kHz: what a step of the recogniser reads
LOUDNESS_HOP = 320  # samples of a step: 20 ms


@dataclass(frozen=True)
class LayerMap:
    """Clips in the plane.

    Attributes:
        layer: number of the recogniser's layer.
        points: (x, y) of each clip, from 0 to 1000.
        labels: of each clip.

    """

    layer: int
    points: tuple[tuple[int, int], ...]
    labels: tuple[str, ...]


def layer_maps(embeddings: Mapping[int, Values], labels: Sequence[str]) -> tuple[LayerMap, ...]:
    """Return a t-SNE map of the clips for each layer.

    Args:
        embeddings: mean of a layer over time [clips, values], by layer.
        labels: of the clips.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        RunError: fewer than four clips.

    Reference: van der Maaten, Hinton, Visualizing data using t-SNE, JMLR 9, 2008.

    """
    try:
        from sklearn.manifold import TSNE
    except ModuleNotFoundError as error:
        raise missing_extra("scikit-learn", "baselines", "a map of clips") from error
    if len(labels) < 4:
        raise RunError(f"a map needs at least 4 clips with the labels {', '.join(COLOURS)}; given {len(labels)}")
    maps = []
    for layer, values in embeddings.items():
        scaled = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
        perplexity = min(PERPLEXITY, (len(labels) - 1) / 3)
        plane = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(scaled)
        low, high = plane.min(axis=0), plane.max(axis=0)
        places = np.rint(1000 * (plane - low) / np.maximum(high - low, 1e-9)).astype(int)
        maps.append(LayerMap(layer, tuple((int(x), int(y)) for x, y in places), tuple(labels)))
    return tuple(maps)


def map_figure(maps: Sequence[LayerMap]) -> str:
    """Return the maps of layers next to each other as SVG; equal maps give equal bytes."""
    width = LEFT + (SIZE + GAP) * len(maps)
    title = "Means of the layers of Whisper base over time, clips of Emo-DB, t-SNE"
    lines = [*opened(title, width, TOP + SIZE + GAP, left=LEFT, style=STYLE, dark=DARK)]
    for number, (label, colour) in enumerate(COLOURS.items()):
        lines.append(f'<circle cx="{LEFT + 6 + 110 * number}" cy="46" r="5" fill="{colour}"/>')
        lines.append(text_element(LEFT + 16 + 110 * number, 50, label))
    for number, each in enumerate(maps):
        left = LEFT + (SIZE + GAP) * number
        lines.append(text_element(left, TOP - 10, f"layer {each.layer}"))
        for (x, y), label in zip(each.points, each.labels, strict=True):
            place = f'cx="{round(left + x * SIZE / 1000, 1)}" cy="{round(TOP + y * SIZE / 1000, 1)}"'
            lines.append(f'<circle {place} r="3" fill="{COLOURS[label]}" fill-opacity="0.75"/>')
    return "\n".join([*lines, "</svg>"]) + "\n"


@dataclass(frozen=True)
class LoudnessUnit:
    """The hidden unit whose output follows the loudness best.

    Attributes:
        layer: number of the recogniser's layer.
        unit: its number, from 0.
        correlation: Pearson's, over the steps of a clip, mean over clips that the unit was not selected on.
        clips: number of these clips.
        units: number of units that it was selected from.
        output: of the unit in one of these clips, standardised.
        loudness: of the same steps, standardised.

    """

    layer: int
    unit: int
    correlation: float
    clips: int
    units: int
    output: tuple[float, ...]
    loudness: tuple[float, ...]


def step_loudness(signal: Array, *, steps: int) -> Values:
    """Return the level in dB of each step [steps]: of the mean square of 40 ms, every 20 ms, not below -80 dB."""
    padded = np.pad(signal.astype(np.float64), (0, LOUDNESS_HOP * steps + LOUDNESS_FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, LOUDNESS_FRAME)[::LOUDNESS_HOP][:steps]
    levels: Values = 10 * np.log10(np.maximum((frames**2).mean(axis=1), 1e-8))
    return levels


def loudness_unit(outputs: Mapping[int, Sequence[Values]], loudness: Sequence[Values]) -> LoudnessUnit:
    """Return the unit with the highest mean absolute correlation on every second clip, measured on the others.

    Args:
        outputs: of each clip [steps, units], by layer.
        loudness: of each clip [steps].

    Raises:
        RunError: fewer than two clips have enough steps.

    """
    usable = [number for number, levels in enumerate(loudness) if len(levels) >= MIN_STEPS]
    if len(usable) < 2:
        raise RunError(f"correlations need 2 clips of {MIN_STEPS} steps (0.2 s) or more; given {len(usable)}")
    found = {
        layer: np.stack([_correlations(of_layer[number], loudness[number]) for number in usable])
        for layer, of_layer in outputs.items()
    }
    selected = {layer: values[::2].mean(axis=0) for layer, values in found.items()}
    layer = max(selected, key=lambda each: float(np.abs(selected[each]).max()))
    unit = int(np.abs(selected[layer]).argmax())
    held_out = found[layer][1::2, unit]
    shown = usable[1]
    return LoudnessUnit(
        layer=layer,
        unit=unit,
        correlation=round(float(held_out.mean()), 3),
        clips=len(held_out),
        units=sum(values.shape[1] for values in found.values()),
        output=_curve(outputs[layer][shown][:, unit]),
        loudness=_curve(loudness[shown]),
    )


def loudness_figure(found: LoudnessUnit) -> str:
    """Return the output of a unit over the loudness of a clip as SVG."""
    width, height = 720, 220
    title = f"Unit {found.unit} of layer {found.layer} of Whisper base, and the loudness of a clip"
    lines = [*opened(title, LEFT + width + LEFT, TOP + height + 40, left=LEFT, style=STYLE, dark=DARK)]
    curves = {"output of the unit": (found.output, "#1565c0"), "loudness": (found.loudness, "#e65100")}
    for number, (name, (values, colour)) in enumerate(curves.items()):
        lines.append(f'<path d="M{LEFT + 170 * number} 46h20" stroke="{colour}" stroke-width="2"/>')
        lines.append(text_element(LEFT + 26 + 170 * number, 50, name))
        step = width / max(1, len(values) - 1)
        places = (
            f"{round(LEFT + step * at, 1)} {round(TOP + height / 2 - value * height / 8, 1)}"
            for at, value in enumerate(values)
        )
        lines.append(f'<path d="M{" L".join(places)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    lines.append(text_element(LEFT, TOP + height + 24, f"time, {0.02 * len(found.output):.1f} s; both standardised"))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _correlations(outputs: Values, levels: Values) -> Values:
    """Return the correlation of each unit with the loudness [units]; 0 for constant ones."""
    centred, level = outputs - outputs.mean(axis=0), levels - levels.mean()
    scale = np.sqrt((centred**2).sum(axis=0) * (level**2).sum())
    found: Values = np.where(scale > 1e-12, centred.T @ level / np.maximum(scale, 1e-12), 0.0)
    return found


def _curve(values: Values) -> tuple[float, ...]:
    part = values[:SHOWN_STEPS]
    scaled = (part - part.mean()) / max(float(part.std()), 1e-9)
    return tuple(round(float(value), 2) for value in scaled)


def compute_maps(corpora: Mapping[str, Sequence[Utterance]]) -> dict[str, Any]:
    """Return the data of Figure 4: maps of the clips of four emotions, from the embeddings of `whisper-mp`."""
    from emotone.fitting.embedding import resolve_embedding
    from emotone.recipes.embedding_recipe import EmbeddingRecipe
    from emotone.recipes.library import load_recipe
    from emotone.reproductions.cells import changed

    recipe = changed(load_recipe("whisper-mp"), (("encoder.layers", list(LAYERS)),))
    assert isinstance(recipe, EmbeddingRecipe)  # noqa: S101 - a recipe of this package
    clips = [each for each in corpora[CORPUS] if each.label in COLOURS]
    features = resolve_embedding(recipe).extract(clips).features
    used = [each for each in clips if each.key in features]
    values = np.stack([features[each.key] for each in used]).astype(np.float64)
    parts = dict(zip(LAYERS, np.split(values, len(LAYERS), axis=1), strict=True))
    return {"maps": [asdict(each) for each in layer_maps(parts, [each.label for each in used])]}


def compute_loudness(corpora: Mapping[str, Sequence[Utterance]]) -> dict[str, Any]:
    """Return the data of Figure 6: of all units of the layers 1 to 3, the one that follows the loudness."""
    import torch

    from emotone.audio.read import read_utterance
    from emotone.features.front_ends.log_mel import WhisperLogMel
    from emotone.fitting.encoder import encoder_network
    from emotone.fitting.weights import find_weights
    from emotone.recipes.embedding_recipe import EncoderSettings

    settings = EncoderSettings(layers=LAYERS, quantised=False)
    blocks = encoder_network(settings, find_weights(settings.source).read()).blocks
    outputs: dict[int, list[Values]] = {layer: [] for layer in LAYERS}
    loudness = []
    for clip in corpora[CORPUS][::EVERY]:
        signal = read_utterance(clip, rate=WhisperLogMel.rate)
        x, lengths = torch.from_numpy(WhisperLogMel().compute(signal))[None], None
        with torch.inference_mode():
            for name, block in blocks.items():
                if name != "pool":
                    x, lengths = block(x, lengths)
        for layer, of_layer in zip(LAYERS, x[0].double().numpy(), strict=True):
            outputs[layer].append(of_layer)
        loudness.append(step_loudness(signal, steps=x.shape[2]))
    return asdict(loudness_unit(outputs, loudness))


def draw_maps(data: Mapping[str, Any]) -> str:
    """Return Figure 4 as SVG from its stored data."""
    return map_figure(
        [
            LayerMap(each["layer"], tuple((x, y) for x, y in each["points"]), tuple(each["labels"]))
            for each in data["maps"]
        ]
    )


def draw_loudness(data: Mapping[str, Any]) -> str:
    """Return Figure 6 as SVG from its stored data."""
    return loudness_figure(unit_of(data))


def unit_of(data: Mapping[str, Any]) -> LoudnessUnit:
    """Return the unit in the stored data of Figure 6."""
    return LoudnessUnit(**{**data, "output": tuple(data["output"]), "loudness": tuple(data["loudness"])})


FIGURES = (
    PublishedFigure("figure4", "clips in the plane, by layer of the recogniser", (CORPUS,), compute_maps, draw_maps),
    PublishedFigure("figure6", "a hidden unit that follows the loudness", (CORPUS,), compute_loudness, draw_loudness),
)
