"""CNN features from spectrograms and faces, and LSTMs over chunks."""

from emotone.reproductions.papers.spectrogram_cnn_lstm.tables import PAPER

__all__ = ["PAPER"]
