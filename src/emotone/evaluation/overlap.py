"""Overlap of clips with the training data of a finished model or of starting weights, by content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.corpora.content import Overlap, content_hashes, overlap
from emotone.fitting.head_run import is_head_run, load_head_run
from emotone.fitting.resolve import ResolvedRecipe
from emotone.fitting.training_run import is_run, load_run
from emotone.scoring.finished_run import is_finished, read_description

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.bundles.bundle import Bundle
    from emotone.fitting.resolve import AnyResolved
    from emotone.types import Utterance


def training_overlap(
    bundle: Bundle, utterances: Sequence[Utterance], folder: Path, *, progress: Callable[[int], None]
) -> Overlap | None:
    """Return the test utterances whose recordings occur in a model's training data.

    Args:
        bundle: the model. If its folder contains its training run, that has hashes of the training recordings.
        utterances: of the test data.
        folder: of the evaluation; an overlap that is stored there is not computed again.
        progress: called with 1 after each recording.

    Returns:
        The overlap; None if the model does not store hashes of its training recordings.

    """
    if is_finished(folder):
        stored = read_description(folder).get("training_overlap")
        if stored is not None:
            return Overlap(tuple(stored["keys"]), stored["tested"], stored["unreadable"])
    return model_overlap(bundle.directory, utterances, progress=progress)


def model_overlap(
    directory: Path, utterances: Sequence[Utterance], *, progress: Callable[[int], None] = lambda _: None
) -> Overlap | None:
    """Return the utterances whose recordings occur in the training data of the model in a folder.

    Returns:
        The overlap; None if the model does not store hashes of its training recordings.

    """
    trained = _training_recordings(directory)
    if not trained:
        return None
    hashes = content_hashes(utterances, progress=lambda _done, _total: progress(1))
    return overlap(trained, utterances, hashes=hashes)


def weights_overlap(recipe: AnyResolved, utterances: Sequence[Utterance]) -> Overlap | None:
    """Return the utterances whose recordings occur in the training data of the weights that a recipe starts from.

    Returns:
        The overlap; None for weights that do not store hashes of their training recordings, and without any.

    """
    weights = recipe.weights if isinstance(recipe, ResolvedRecipe) else None
    if weights is None or weights.run is None or not weights.run.recordings:
        return None
    return overlap(weights.run.recordings, utterances)


def _training_recordings(folder: Path) -> tuple[str, ...]:
    """Return the content hashes that a bundle's folder states; () if it states none."""
    if is_run(folder):
        return load_run(folder).recordings
    return load_head_run(folder).recordings if is_head_run(folder) else ()
