"""One tiny corpus, one training on it, and its bundle, for all tests of systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.toy import LABELS, emodb_utterances, private_cache, tiny_recipe, write_emodb

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.recipes.recipe import Recipe
    from emotone.types import Utterance


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    """Four speakers of Emo-DB, ten buzzes of each, two emotions."""
    return emodb_utterances(write_emodb(tmp_path_factory.mktemp("corpus") / "emodb"))


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return tiny_recipe()


@pytest.fixture(scope="session")
def trained(recipe: Recipe, corpus: tuple[Utterance, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training."""
    import torch

    from emotone.fitting.resolve import resolve
    from emotone.fitting.train import prepare, train_run

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs")
    with private_cache(folder / "cache"):
        job = prepare(resolve(recipe), corpus, labels=LABELS)
        train_run(job, folder / job.name)
    return folder / job.name


@pytest.fixture(scope="session")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its bundle."""
    from emotone.fitting.export import export_run

    return export_run(trained, tmp_path_factory.mktemp("bundles") / "toy", version="2.1.0", evaluation="UAR: tested.")
