"""Export of a trained network to a bundle: ONNX, model card, licence, test vector, and a name of its own.

Name and description are never those of a shipped model, which is another one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.bundle import Bundle, write_bundle
from emotone.bundles.contents import SCHEMA, BundleManifest, Calibration, TrainingData
from emotone.bundles.library import SHIPPED, shipped_names
from emotone.config import check_name
from emotone.errors import UsageError
from emotone.fitting.card import model_card
from emotone.fitting.training_run import RUN, WEIGHTS, load_net, load_run
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emotone.fitting.training_run import TrainingRun
    from emotone.nets.blocks.base import Network
    from emotone.recipes.embedding_recipe import EmbeddingRecipe
    from emotone.types import Array

TUNED, RETRAINED = "tuned", "retrained"

LICENCES = {
    "CC-BY-NC-SA-4.0": "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International",
    "CC-BY-4.0": "Creative Commons Attribution 4.0 International",
    "CC0-1.0": "Creative Commons Zero 1.0 Universal",
    "MIT": "the MIT licence",
}
TEST_SECONDS = 2.5
WHISPER_NOTICE = """The encoder in model.onnx is a part of Whisper (https://github.com/openai/whisper):

MIT License

Copyright (c) 2022 OpenAI

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def renamed(run: TrainingRun, out: Path, *, name: str = "", description: str = "") -> TrainingRun:
    """Return a training whose recipe has the name and the description of the exported model.

    Without a name, a recipe with the name of a shipped model gets the suffix `-tuned`, or `-retrained` if it did not
    start from other weights. Without a description, such a recipe gets one of what was trained. Both are kept where a
    shipped model itself is written, in the folder of the package.

    Args:
        run: the training.
        out: folder of the model.
        name: of the model; "" keeps the recipe's.
        description: one sentence; "" keeps the recipe's.

    Raises:
        UsageError: the name of a shipped model.
        ConfigError: a name with other characters.

    """
    recipe, shipped = run.recipe, shipped_names()
    if out.resolve().parent == SHIPPED:
        shipped = ()
    check_own_name(name, shipped=shipped)
    given = name or recipe.name
    if given in shipped:
        given = f"{given}-{TUNED if run.transfer is not None else RETRAINED}"
    about = description or (what_was_trained(run) if recipe.name in shipped else recipe.description)
    return replace(run, recipe=replace(recipe, name=given, description=about))


def check_own_name(name: str, *, shipped: tuple[str, ...]) -> None:
    """Refuse the name of a shipped model; "" is none.

    Raises:
        UsageError: the name of a shipped model.
        ConfigError: a name with other characters.

    """
    if name in shipped:
        raise UsageError(
            f"--name {name} is the name of a shipped model, and this is another one; pass another name, e.g. "
            f"my-{name}; taken are: {', '.join(shipped)}"
        )
    if name:
        check_name(name)


def what_was_trained(run: TrainingRun) -> str:
    """Return one sentence: the labels, how the network was trained, and on what."""
    clips, speakers = sum(run.corpora.values()), sum(run.speakers.values())
    corpora = ", ".join(sorted(run.corpora))
    data = f"{corpora} ({clips} clips of {speakers} {'speaker' if speakers == 1 else 'speakers'})"
    if run.transfer is None:
        how = f"trained with the recipe {run.recipe.name} on {data}"
    elif run.history:
        how = f"fine-tuned from {run.transfer.source} on {data}"
    else:
        how = f"the network of {run.transfer.source} without any training, for the labels of {data}"
    return f"{', '.join(run.labels)}: {how}"


def export_run(
    run: Path,
    out: Path,
    *,
    name: str = "",
    description: str = "",
    version: str = "1.0.0",
    evaluation: str = "",
    thresholds: Mapping[str, float] | None = None,
) -> Path:
    """Write the bundle of a finished training and return its folder.

    The training's description and weights are included, so that the model can be fine-tuned.

    Args:
        run: folder that `emotone train` made.
        out: the bundle's folder; an existing bundle is overwritten.
        name: of the model; "" takes the recipe's, changed if it is that of a shipped model (see `renamed`).
        description: one sentence; "" likewise.
        version: of the model.
        evaluation: Markdown for the card: how the model was evaluated, and the scores.
        thresholds: per label, the minimum probability for a decision; None stores none.

    Raises:
        RunError: not the folder of a finished training.
        UsageError: the name of a shipped model.
        ConfigError: a threshold for an unknown label, or outside [0, 1].
        OutputError: the folder can't be written.

    """
    given = load_run(run)
    training = renamed(given, out, name=name, description=description)
    net = load_net(run, training)
    data = TrainingData(
        corpora=tuple(sorted(training.corpora)),
        protocol="all speakers",
        recipe=given.recipe.name,
        signature=training.signature,
    )
    card = model_card(training, version=version, evaluation=evaluation)
    write_net(
        out,
        training.recipe,
        net,
        labels=training.labels,
        version=version,
        data=data,
        card=card,
        thresholds=thresholds,
        extra={name: (run / name).read_bytes() for name in (RUN, WEIGHTS)},
    )
    return out


def write_net(
    out: Path,
    recipe: Recipe,
    net: Network,
    *,
    labels: tuple[str, ...],
    data: TrainingData,
    version: str = "1.0.0",
    card: str = "",
    thresholds: Mapping[str, float] | None = None,
    extra: Mapping[str, bytes] | None = None,
) -> Bundle:
    """Write a trained network as a bundle and return it loaded; its test vector is checked against torch's result.

    The files in `extra`, by name, are for fine-tuning: weights by the names of the network, and their description.
    """
    import torch

    from emotone.config import signature, to_mapping
    from emotone.fitting.onnx_export import onnx_bytes

    feature = recipe.feature
    signal = example_signal(feature.rate)
    rows = feature.compute(signal)
    with torch.inference_mode():
        probabilities = torch.softmax(net(torch.from_numpy(rows[None]), None), dim=1)[0].numpy()
    manifest = BundleManifest(
        schema=SCHEMA,
        name=recipe.name,
        version=version,
        description=recipe.description,
        labels=labels,
        licence=recipe.licence,
        front_end={"name": recipe.feature_name, **to_mapping(feature)},  # type: ignore[arg-type]
        windows=recipe.windows,
        calibration=Calibration(),
        training=data,
        thresholds=thresholds or {},
    )
    return write_bundle(
        out,
        manifest,
        model=onnx_bytes(net, feature.dimension, architecture=signature(recipe.net, feature.dimension, len(labels))),
        card=card,
        licence=licence_text(recipe),
        signal=signal,
        probabilities=probabilities,
        extra=extra,
    )


def example_signal(rate: int) -> Array:
    """Return a synthetic test signal [time]: a buzz of changing pitch and level, with noise."""
    rng = np.random.default_rng(0)
    time = np.arange(round(TEST_SECONDS * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 60 * np.sin(2 * np.pi * 0.7 * time)) / rate
    buzz = np.sum([np.sin(order * phase) / order for order in range(1, 20)], axis=0)
    loudness = 0.1 * (1 + np.sin(2 * np.pi * 4 * time))
    noise = 0.005 * rng.standard_normal(time.shape[0])
    signal: Array = (loudness * buzz + noise).astype(np.float32)
    return signal


def licence_text(recipe: Recipe | EmbeddingRecipe) -> str:
    """Return the text of a bundle's LICENSE, with the notice of the encoder's authors if there is one."""
    title = LICENCES.get(recipe.licence, recipe.licence)
    where = {
        "CC-BY-NC-SA-4.0": "\nThe full text is at https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode\n",
        "CC-BY-4.0": "\nThe full text is at https://creativecommons.org/licenses/by/4.0/legalcode\n",
        "CC0-1.0": "\nThe full text is at https://creativecommons.org/publicdomain/zero/1.0/legalcode\n",
    }.get(recipe.licence, "")
    text = f"The model '{recipe.name}' ({recipe.licence}) may be used under {title}.\n{where}"
    if isinstance(recipe, Recipe):
        return text
    own = f"The encoder in model.onnx is that of {recipe.encoder.source}, under the licence of its authors.\n"
    return f"{text}\n{own if recipe.encoder.is_own else WHISPER_NOTICE}"
