"""Published networks to transfer from: addresses, licences, and the readers of their files.

`emotone.transfer.source.SOURCES` finds them.
"""

MEMBERS = {
    "alexnet": "faces.ALEXNET",
    "letter-convolution": "letter_recognisers.LETTER_CONVOLUTION",
    "letter-gru": "letter_recognisers.LETTER_GRU",
    "mini-xception": "faces.MINI_XCEPTION",
    "mn04": "sound_events.MN04",
    "soundnet5": "soundnet.SOUNDNET5",
    "soundnet8": "soundnet.SOUNDNET8",
    "vggish": "sound_events.VGGISH",
    "whisper-base": "whisper.WHISPER_BASE",
    "whisper-tiny-en": "whisper.WHISPER_TINY_EN",
    "yamnet": "sound_events.YAMNET",
}
"""Sources that share a module."""
