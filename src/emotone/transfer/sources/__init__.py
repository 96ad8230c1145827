"""Published networks to transfer from: addresses, licences, and the readers of their files.

`emotone.transfer.source.SOURCES` finds them.
"""

MEMBERS = {
    "letter-convolution": "letter_recognisers.LETTER_CONVOLUTION",
    "letter-gru": "letter_recognisers.LETTER_GRU",
    "soundnet5": "soundnet.SOUNDNET5",
    "soundnet8": "soundnet.SOUNDNET8",
    "whisper-base": "whisper.WHISPER_BASE",
    "whisper-tiny-en": "whisper.WHISPER_TINY_EN",
}
"""Sources that share a module."""
