"""Corpora of transcribed speech; `emotone.corpora.transcribed.TRANSCRIBED` finds them."""

MEMBERS = {
    "librispeech": "layouts.LIBRISPEECH",
    "manifest": "layouts.MANIFEST",
    "ted-lium": "layouts.TED_LIUM",
    "voxforge": "layouts.VOXFORGE",
}
"""Corpora that share a module."""
