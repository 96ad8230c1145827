"""Functionals: one vector of statistics for a whole recording; `emotone.features.base.FUNCTIONALS` finds them."""

MEMBERS = {
    "duration": "cues.Duration",
    "joined": "cues.ConcatenatedFunctionals",
    "loudness": "cues.Loudness",
    "speaker-identity": "cues.SpeakerIdentity",
    "spectral-tilt": "cues.SpectralTilt",
}
"""Functionals that share a module."""
