from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import torch

from emotone.audio.samples import resample
from emotone.features.front_ends.mn_log_mel import MnLogMel, tables
from emotone.fitting.distillation.mobilenet import MobileNet
from emotone.fitting.distillation.teachers import load_teacher

if TYPE_CHECKING:
    from pathlib import Path

RATE = 32000
BINS = np.arange(513) * RATE / 1024  # hertz


@pytest.fixture
def net() -> MobileNet:
    torch.manual_seed(1)
    return MobileNet(width=0.1, classes=5).eval()


def test_parameters_are_those_of_the_published_net() -> None:
    assert sum(one.numel() for one in MobileNet(width=0.4, classes=527).parameters()) == 983_599


def test_a_batch_gives_what_single_sounds_give(net: MobileNet) -> None:
    sound = torch.randn(3, 8000, generator=torch.Generator().manual_seed(2)) * 0.1
    with torch.inference_mode():
        whole, single = net(sound), torch.cat([net(one[None]) for one in sound])
    assert torch.allclose(whole, single, atol=1e-5)


def test_whole_windows_give_the_rows_of_the_front_end(net: MobileNet, rng: np.random.Generator) -> None:
    """Its windows begin 400 samples before the multiples of the hop; behind 80 zeros, ours begin at the same places."""
    sound = rng.normal(0, 0.1, 8000).astype(np.float32)
    ours = MnLogMel().compute(np.concatenate([np.zeros(80, np.float32), sound]))
    np.testing.assert_allclose(net.log_mel(torch.from_numpy(sound)[None])[0, 2:24], ours[1:23], atol=1e-4)


def test_silence_lies_at_the_offset(net: MobileNet) -> None:
    rows = net.log_mel(torch.zeros(1, 32000))
    assert rows.shape == (1, 100, 128)  # of 31,999 samples after the emphasis
    assert torch.allclose(rows, torch.full_like(rows, np.log(1e-5)))


def test_a_tone_lies_in_the_band_around_it(net: MobileNet) -> None:
    time = torch.arange(RATE) / RATE
    rows = net.log_mel(torch.sin(2 * torch.pi * 1000 * time)[None])[0].mean(dim=0)
    _, bands = tables()
    centres = BINS @ bands / bands.sum(axis=0)
    assert abs(float(centres[int(rows.argmax())]) - 1000) < 40


def test_mel_bands_equal_a_slow_reference() -> None:
    def mel(hertz: float) -> float:
        return 1127 * float(np.log(1 + hertz / 700))

    step = mel(15000) / 129
    twin = np.zeros((513, 128))
    for band in range(128):
        for index in range(512):
            place = mel(float(BINS[index])) / step - band  # 0 at the left edge, 1 at the centre, 2 at the right edge
            twin[index, band] = max(0.0, min(place, 2 - place))
    assert np.allclose(tables()[1], twin, atol=1e-6)


@pytest.mark.shared
def test_the_published_net_gives_its_published_values(shared: Path) -> None:
    """Golden values were made by another program; they agree within their rounding to four digits."""
    reference = json.loads((shared / "sources/reference.json").read_text())
    net = load_teacher("mn04", shared / "sources/mn04_as_mAP_432.pt")
    for path, golden in reference.items():
        signal, rate = soundfile.read(shared / "corpora" / path, dtype="float32")
        sound = torch.from_numpy(resample(signal, rate=rate, to=RATE))[None]
        with torch.inference_mode():
            assert net.log_mel(sound).shape[1] == golden["mn04"]["mel_shape"][2]
            probabilities = net(sound).sigmoid()[0].numpy()
        for index, _, probability in golden["mn04"]["top"]:
            assert probabilities[index] == pytest.approx(probability, abs=2e-4)
