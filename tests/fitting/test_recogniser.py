"""Training a recogniser on a few tones with transcripts: what is used, exact resumption, and the stored weights."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch
from tests.toy import one_thread, private_cache

from emotone.errors import RunError
from emotone.fitting.recogniser import (
    CHECKPOINT,
    RUN,
    WEIGHTS,
    PreparedSpeech,
    load_recogniser,
    load_recogniser_run,
    prepare_speech,
    train_recogniser,
)
from emotone.recipes.recogniser_recipe import CtcSettings, RecogniserRecipe
from emotone.training.ctc import error_rates

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.training.loop import Epoch

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = RecogniserRecipe(
    name="tones",
    corpora=("manifest",),
    units=3,
    layers=1,
    characters="AB ",
    max_seconds=0.5,
    training=CtcSettings(epochs=3, batch_size=2, learning_rate=0.01),
)


def write_tones(folder: Path) -> Path:
    """Write six utterances of three speakers, where a letter is a tone, and four that can't be used."""
    folder.mkdir()
    lines: list[dict[str, str]] = []
    texts = {"ann": ("a b", "b"), "bob": ("ab", "a"), "cem": ("b a", "ba")}
    for speaker, said in texts.items():
        for number, text in enumerate(said):
            time = np.arange(1600 * len(text)) / 16000
            pitch = np.repeat([{"a": 400.0, "b": 900.0, " ": 0.0}[letter] for letter in text], 1600)
            name = f"{speaker}{number}.wav"
            soundfile.write(folder / name, 0.3 * np.sin(2 * np.pi * pitch * time), 16000)
            lines.append({"file": name, "text": text, "speaker": speaker})
    soundfile.write(folder / "long.wav", np.zeros(16000), 16000)
    lines += [
        {"file": "long.wav", "text": "a", "speaker": "dan"},
        {"file": "ann1.wav", "text": "c", "speaker": "dan"},
        {"file": "gone.wav", "text": "a", "speaker": "dan"},
    ]
    (folder / "manifest.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedSpeech:
    folder = tmp_path_factory.mktemp("speech")
    with private_cache(folder / "cache"):
        return prepare_speech(RECIPE, {"manifest": write_tones(folder / "tones")})


def test_utterances_that_can_not_be_used_are_left_out_with_the_reason(prepared: PreparedSpeech) -> None:
    assert prepared.speakers == 3
    assert len(prepared.held_out_speakers) == 1
    assert (len(prepared.train), len(prepared.held_out)) == (4, 2)
    assert set(prepared.train.texts) | set(prepared.held_out.texts) == {"A B", "B", "AB", "A", "B A", "BA"}
    reasons = " ".join(prepared.left_out)
    for reason in ("long.wav: 1.0 s is longer than 0.5 s", "ann1.wav has another transcript", "gone.wav"):
        assert reason in reasons


def test_short_utterances_and_unknown_characters_are_left_out(tmp_path: Path) -> None:
    folder = write_tones(tmp_path / "tones")
    entries = [
        {"file": "ann1.wav", "text": "ab" * 9, "speaker": "ann"},
        {"file": "bob0.wav", "text": "7", "speaker": "b"},
    ]
    (folder / "manifest.jsonl").write_text("\n".join(json.dumps(entry) for entry in entries))
    with pytest.raises(RunError, match=r"2 speakers or more, some of whom are held out; 0 left; .*characters 7"):
        prepare_speech(RECIPE, {"manifest": folder})


def test_a_training_resumes_exactly_and_its_weights_are_read_back(prepared: PreparedSpeech, tmp_path: Path) -> None:
    straight = train_recogniser(prepared, tmp_path / "straight")
    halted = tmp_path / "halted"

    class HaltError(Exception):
        pass

    def halt(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise HaltError

    with pytest.raises(HaltError):
        train_recogniser(prepared, halted, progress=halt)
    assert (halted / CHECKPOINT).exists()
    heard: list[int] = []
    resumed = train_recogniser(prepared, halted, progress=lambda epoch: heard.append(epoch.number))
    assert heard == [1, 2, 3]
    assert (halted / WEIGHTS).read_bytes() == (tmp_path / "straight" / WEIGHTS).read_bytes()
    assert replace(resumed, seconds_per_hour=0.0) == replace(straight, seconds_per_hour=0.0)
    assert not (halted / CHECKPOINT).exists()
    assert load_recogniser_run(halted) == resumed
    spec, network = load_recogniser(halted)
    assert spec == RECIPE.recogniser
    assert error_rates(network, prepared.held_out, characters="AB ") == {"cer": resumed.cer, "wer": resumed.wer}
    record: dict[str, Any] = json.loads((halted / RUN).read_text())
    assert len(record["history"]) == 3
    (halted / WEIGHTS).write_bytes((halted / WEIGHTS).read_bytes()[:-1] + b"x")
    with pytest.raises(RunError, match="has changed since the training"):
        load_recogniser(halted)


def test_the_learning_rate_is_divided_after_every_epoch(
    prepared: PreparedSpeech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    step = torch.optim.SGD.step

    def recorded(self: torch.optim.SGD, *arguments: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.SGD, "step", recorded)
    twice = replace(prepared, recipe=replace(RECIPE, training=replace(RECIPE.training, epochs=2, division=2.0)))
    train_recogniser(twice, tmp_path / "run", fresh=True)
    assert rates == [0.01, 0.01, 0.005, 0.005]


def test_a_record_that_is_missing_or_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="can't be read as the record of a recogniser"):
        load_recogniser_run(tmp_path)
    (tmp_path / RUN).write_text('{"schema": "emotone.source/3"}')
    with pytest.raises(RunError, match="is no record of a recogniser"):
        load_recogniser_run(tmp_path)
