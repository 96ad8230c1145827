"""Speech encoders in the format of transformers with random weights and a few values per layer, for tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, LAYERS = 16, 2
SHORTEST = 220  # samples that one step reads: (10 - 1) * 20 + 40
_SMALL: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 2 * WIDTH,
    "conv_dim": (8, 8),
    "conv_kernel": (40, 10),
    "conv_stride": (20, 8),
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 8,
}
_STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "wav2vec2": ("Wav2Vec2Config", "Wav2Vec2Model", {}),
    "wav2vec2-large": ("Wav2Vec2Config", "Wav2Vec2Model", _STABLE),
    "hubert": ("HubertConfig", "HubertModel", {}),
    "hubert-large": ("HubertConfig", "HubertModel", _STABLE),
    "wavlm": ("WavLMConfig", "WavLMModel", {}),
    "wavlm-large": ("WavLMConfig", "WavLMModel", _STABLE),
    "data2vec-audio": (
        "Data2VecAudioConfig",
        "Data2VecAudioModel",
        {"conv_pos_kernel_size": 5, "num_conv_pos_embeddings": 2},
    ),
}


def write_model(
    folder: Path, family: str, *, rate: int = 16000, normalise: bool = True, seed: int = 0, **settings: Any
) -> Any:
    """Write an encoder to a folder, and return it.

    Args:
        folder: a new one.
        family: of `FAMILIES`.
        rate: in its preprocessor_config.json.
        normalise: whether samples are scaled, there.
        seed: of its weights.
        settings: other ones of its config.

    """
    import torch
    import transformers

    config, model, own = FAMILIES[family]
    torch.manual_seed(seed)
    built = getattr(transformers, model)(getattr(transformers, config)(**{**_SMALL, **own, **settings})).eval()
    built.save_pretrained(folder)
    write_front_end(folder, {"sampling_rate": rate, "do_normalize": normalise, "feature_size": 1, "padding_value": 0.0})
    return built


def write_whisper(folder: Path, *, seed: int = 0, **settings: Any) -> Any:
    """Write an encoder and decoder of Whisper to a folder, and return the model."""
    import torch
    import transformers

    torch.manual_seed(seed)
    small = {
        "d_model": WIDTH,
        "encoder_layers": LAYERS,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 4 * WIDTH,
        "decoder_layers": 1,
        "decoder_attention_heads": 2,
        "decoder_ffn_dim": WIDTH,
        "vocab_size": 8,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
        "max_target_positions": 4,
    }
    built = transformers.WhisperModel(transformers.WhisperConfig(**{**small, **settings})).eval()
    built.save_pretrained(folder)
    write_front_end(folder, {"sampling_rate": 16000, "feature_size": 80})
    return built


def write_front_end(folder: Path, settings: dict[str, Any]) -> None:
    """Write preprocessor_config.json."""
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
