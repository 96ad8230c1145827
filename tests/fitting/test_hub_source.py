"""Encoders in the format of transformers: where they are found, how they are hashed, and what is refused."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from emotone.errors import SourceError
from emotone.fitting.hub_source import HubSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONFIG = {"model_type": "hubert", "hidden_size": 16}
FRONT_END = {"sampling_rate": 16000, "do_normalize": False}


def write_files(folder: Path, **other: Any) -> Path:
    """Write the files of an encoder, whose weights are no real ones; a value of None leaves a file out."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"config": CONFIG, "preprocessor_config": FRONT_END, **other}
    for name, value in files.items():
        if value is not None:
            (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def in_hub_cache(root: Path, *, revision: str = "main") -> Path:
    """Write the files of some/encoder as the hub's client stores them."""
    stored = root / "models--some--encoder"
    (stored / "refs").mkdir(parents=True, exist_ok=True)
    (stored / "refs" / revision).write_text(COMMIT, encoding="utf-8")
    return write_files(stored / "snapshots" / COMMIT)


def client() -> Any:
    """Return the hub's client, which reads the environment when it is imported, or skip the test."""
    pytest.importorskip("huggingface_hub.constants", reason="needs the extra transformers")
    return pytest.importorskip("huggingface_hub")


def files_of(source: str) -> Any:
    parsed = HubSource.parse(source)
    assert parsed is not None
    return parsed.files()


@pytest.mark.parametrize(
    ("text", "name", "revision"),
    [
        ("hf:facebook/wav2vec2-base", "facebook/wav2vec2-base", ""),
        ("hf:a/b@refs/pr/2", "a/b", "refs/pr/2"),
        ("hf:./mine", "./mine", ""),
        ("hf:/data/mine@home", "/data/mine@home", ""),
        ("hf:~/mine", "~/mine", ""),
    ],
)
def test_a_text_names_a_repository_or_a_folder(text: str, name: str, revision: str) -> None:
    assert HubSource.parse(text) == HubSource(name, revision)
    assert str(HubSource.parse(text)) == text


@pytest.mark.parametrize("text", ["hf:", "hf:hubert", "hf:a/b/c", "hf:a/b@"])
def test_a_text_without_an_organisation_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match=rf"'{text}' names no encoder; write hf:ORGANISATION/NAME.*or hf:./FOLDER"):
        HubSource.parse(text)


def test_files_of_a_folder_are_hashed_by_content(tmp_path: Path) -> None:
    files = files_of(f"hf:{write_files(tmp_path / 'a')}")
    assert (files.family, files.rate, files.normalises) == ("hubert", 16000, False)
    assert files_of(f"hf:{shutil.copytree(tmp_path / 'a', tmp_path / 'b')}").sha256 == files.sha256
    changed = [
        write_files(tmp_path / "c", preprocessor_config={**FRONT_END, "do_normalize": True}),
        write_files(tmp_path / "d", config={**CONFIG, "hidden_size": 17}),
        write_files(tmp_path / "e"),
    ]
    (changed[2] / "model.safetensors").write_bytes(b"other weights")
    assert len({files.sha256, *(files_of(f"hf:{folder}").sha256 for folder in changed)}) == 4


def test_settings_of_the_front_end_may_be_those_of_a_processor(tmp_path: Path) -> None:
    processor = {"feature_extractor": {"sampling_rate": 8000}}
    files = files_of(f"hf:{write_files(tmp_path, preprocessor_config=None, processor_config=processor)}")
    assert (files.rate, files.normalises) == (8000, True)  # transformers' default


def test_weights_in_parts_are_found_by_their_index(tmp_path: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    folder = write_files(tmp_path, **{"model.safetensors.index": index})
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    with pytest.raises(SourceError, match=r"lacks model-00002-of-00002.safetensors of its weights"):
        files_of(f"hf:{folder}")
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"more")
    assert [path.name for path in files_of(f"hf:{folder}").weights] == sorted(index["weight_map"].values())


def test_the_cache_of_the_hub_is_searched_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = in_hub_cache(tmp_path)
    assert files_of("hf:some/encoder").folder == folder
    assert files_of(f"hf:some/encoder@{COMMIT}").folder == folder
    with pytest.raises(SourceError, match=r"some/encoder@v2 is not, or not completely, in the.*hf download some"):
        files_of("hf:some/encoder@v2")


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = client()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    elsewhere = r"run: hf download some/encoder --local-dir encoder; copy the folder here and name it: hf:./encoder"
    with pytest.raises(SourceError, match=rf"in the cache of the hub, {tmp_path}, and HF_HUB_OFFLINE.*{elsewhere}"):
        files_of("hf:some/encoder")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    given = hub.snapshot_download

    def unreachable(*names: str, **options: Any) -> Any:
        return given(*names, **options, endpoint="http://127.0.0.1:9")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(SourceError, match=rf"and the hub can't be reached \(.*refused.*\); on a machine.*{elsewhere}"):
        files_of("hf:some/encoder")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_an_incomplete_folder_of_the_cache_is_completed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "true")
    (in_hub_cache(tmp_path) / name).unlink()
    with pytest.raises(SourceError, match=r"TRANSFORMERS_OFFLINE forbids a download"):
        files_of("hf:some/encoder")


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_pickled, r"from model.safetensors only.*has pytorch_model.bin, which can contain code. Convert.*refs/pr/N"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"contains no such file"),
        (lambda folder: (folder / "config.json").unlink(), r"has no config.json; needed are config.json, model.saf"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config.json can't be read: Expecting property"),
        (lambda folder: (folder / "config.json").write_text("[]"), r"config.json must contain a JSON object"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), r"has no preprocessor_config.json with a sam"),
        (lambda folder: write_files(folder, preprocessor_config={}), r"with a sampling_rate, so how its input"),
        (
            lambda folder: write_files(folder, config={"model_type": "bert"}),
            r"of the type 'bert'; allowed: data2vec-audio, hubert.*onnx:FILE#TENSOR",
        ),
    ],
)
def test_folders_that_do_not_fit_are_refused(change: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    change(write_files(tmp_path))
    with pytest.raises(SourceError, match=message):
        files_of(f"hf:{tmp_path}")


def test_a_folder_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SourceError, match=r"there is no folder missing; to download one: hf download ORG"):
        files_of("hf:./missing")
