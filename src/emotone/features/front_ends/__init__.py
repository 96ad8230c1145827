"""Front ends; `emotone.features.base.FEATURES` finds them."""

MEMBERS = {
    "log-mel": "log_mel.LogMel",
    "mfcc-pitch": "mfcc_pitch.MfccPitch",
    "power-spectrogram": "spectrograms.PowerSpectrogram",
    "recogniser-spectrogram": "spectrograms.RecogniserSpectrogram",
    "vggish-log-mel": "log_mel.VggishLogMel",
    "whisper-mfcc-pitch": "mfcc_pitch.WhisperMfccPitch",
}
"""Front ends that share a module."""
