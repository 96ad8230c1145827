"""Augmentations; `emotone.augment.base.AUGMENTATIONS` finds them."""

MEMBERS = {
    "equaliser": "log_mel.Equaliser",
    "ninefold": "tempo.Ninefold",
    "noise-floor": "log_mel.NoiseFloor",
    "spec-mask": "log_mel.SpecMask",
    "tempo-gain": "tempo.TempoGain",
    "tempo-pitch": "waveform.TempoPitch",
    "warp": "log_mel.Warp",
    "white-noise": "waveform.WhiteNoise",
}
"""Augmentations that share a module."""
