"""Perturbations; `emotone.augment.perturbation.PERTURBATIONS` finds them."""

MEMBERS = {
    "babble": "noise.BABBLE",
    "codec": "transmission.CODEC",
    "gain": "level.GAIN",
    "music": "noise.MUSIC",
    "reverberation": "transmission.REVERBERATION",
    "silence": "level.SILENCE",
    "speed": "rate.SPEED",
    "telephone": "transmission.TELEPHONE",
    "tempo": "rate.TEMPO",
    "white-noise": "noise.WHITE_NOISE",
}
"""Perturbations that share a module."""
