from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import torch

from emotone.audio.resample import resample
from emotone.distil.mobilenet import BANDS, FFT, RATE, MobileNet, mel_bands
from emotone.distil.teachers import load_teacher

if TYPE_CHECKING:
    from pathlib import Path


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


def test_the_classifier_sees_the_pooled_features(net: MobileNet) -> None:
    sound = torch.randn(2, 8000, generator=torch.Generator().manual_seed(3)) * 0.1
    with torch.inference_mode():
        assert torch.allclose(net(sound), net.classifier[2:](net.pooled(sound)), atol=1e-5)


def test_silence_lies_at_the_offset(net: MobileNet) -> None:
    image = net.spectrogram(torch.zeros(1, 32000))
    assert image.shape == (1, 1, BANDS, 100)  # of 31,999 samples after the emphasis
    assert torch.allclose(image, torch.full_like(image, (np.log(1e-5) + 4.5) / 5))


def test_a_tone_lies_in_the_band_around_it(net: MobileNet) -> None:
    time = torch.arange(RATE) / RATE
    image = net.spectrogram(torch.sin(2 * torch.pi * 1000 * time)[None])[0, 0].mean(dim=1)
    centres = mel_bands() @ (torch.arange(FFT // 2 + 1) * RATE / FFT) / mel_bands().sum(dim=1)
    assert abs(float(centres[image.argmax()]) - 1000) < 40


def test_mel_bands_equal_a_slow_twin() -> None:
    def mel(hertz: float) -> float:
        return 1127 * float(np.log(1 + hertz / 700))

    step = mel(15000) / (BANDS + 1)
    twin = np.zeros((BANDS, FFT // 2 + 1))
    for band in range(BANDS):
        for index in range(FFT // 2):
            place = mel(index * RATE / FFT) / step - band  # 0 at the left edge, 1 at the centre, 2 at the right edge
            twin[band, index] = max(0.0, min(place, 2 - place))
    assert np.allclose(mel_bands().numpy(), twin, atol=1e-6)


@pytest.mark.shared
def test_the_published_net_gives_its_published_values(shared: Path) -> None:
    """Golden values were made by another program; they agree within their rounding to four digits."""
    reference = json.loads((shared / "sources/reference.json").read_text())
    net = load_teacher("mn04", shared / "sources/mn04_as_mAP_432.pt")
    for path, golden in reference.items():
        signal, rate = soundfile.read(shared / "corpora" / path, dtype="float32")
        sound = torch.from_numpy(resample(signal, rate=rate, to=RATE))[None]
        with torch.inference_mode():
            assert list(net.spectrogram(sound).shape[1:]) == golden["mn04"]["mel_shape"]
            probabilities, pooled = net(sound).sigmoid()[0].numpy(), net.pooled(sound)[0, :8].numpy()
        assert np.allclose(pooled, golden["mn04"]["pooled_384_first8"], atol=2e-4)
        for index, _, probability in golden["mn04"]["top"]:
            assert probabilities[index] == pytest.approx(probability, abs=2e-4)
