"""Front ends; `emotone.features.base.FEATURES` finds them."""

MEMBERS = {
    "log-mel": "log_mel.LogMel",
    "mfcc-pitch": "mfcc_pitch.MfccPitch",
    "mn-log-mel": "log_mel.MnLogMel",
    "power-spectrogram": "spectrograms.PowerSpectrogram",
    "recogniser-spectrogram": "spectrograms.RecogniserSpectrogram",
    "two-channel-spectrogram": "spectrograms.TwoChannelSpectrogram",
    "vggish-log-mel": "log_mel.VggishLogMel",
    "whisper-log-mel": "log_mel.WhisperLogMel",
    "whisper-mfcc-pitch": "mfcc_pitch.WhisperMfccPitch",
}
"""Front ends that share a module."""
