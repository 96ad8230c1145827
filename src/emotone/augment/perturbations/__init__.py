"""Perturbations; `emotone.augment.perturbation.PERTURBATIONS` finds them."""

MEMBERS = {
    "babble": "surroundings.BABBLE",
    "codec": "surroundings.CODEC",
    "gain": "signal.GAIN",
    "music": "surroundings.MUSIC",
    "reverberation": "surroundings.REVERBERATION",
    "silence": "signal.SILENCE",
    "speed": "signal.SPEED",
    "telephone": "surroundings.TELEPHONE",
    "tempo": "signal.TEMPO",
    "white-noise": "surroundings.WHITE_NOISE",
}
"""Perturbations that share a module."""
