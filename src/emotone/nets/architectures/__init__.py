"""Network architectures; `emotone.nets.base.NETS` finds them."""

MEMBERS = {
    "alexnet": "faces.AlexNet",
    "audiovisual-lstm": "audiovisual.AudiovisualLstm",
    "chunk-mlp": "chunk_networks.ChunkMlp",
    "letter-recogniser": "recognisers.LetterRecogniser",
    "mfcc-bigru": "recognisers.MfccBigru",
    "mini-xception": "faces.MiniXception",
    "mn04": "sound_events.Mn04",
    "multidomain": "waveform_networks.MultiDomain",
    "recogniser-reuse": "recognisers.RecogniserReuse",
    "segment-mlp": "segment_networks.SegmentMlp",
    "segment-pool": "segment_networks.SegmentPool",
    "soundnet5": "waveform_networks.SoundNet5",
    "spectrogram-cnn": "chunk_networks.SpectrogramCnn",
    "spectrogram-lstm": "chunk_networks.SpectrogramLstm",
    "speech-student": "speech_encoders.SpeechStudent",
    "vggish": "sound_events.Vggish",
    "whisper-audiovisual": "audiovisual.WhisperAudiovisual",
    "whisper-encoder": "speech_encoders.WhisperEncoder",
    "whisper-lstm": "speech_encoders.WhisperLstm",
    "yamnet": "sound_events.Yamnet",
}
"""Architectures that share a module."""
