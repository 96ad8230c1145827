"""Weights: where they are found, how they are stored, and what a source promises."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save
from tests.transfer.writers import (
    LAYERS,
    WIDTH,
    ctranslate2,
    ctranslate2_bytes,
    hugging_face,
    random_encoder,
)

from emotone.errors import MissingExtraError, SourceError
from emotone.files import sha256_file
from emotone.transfer.locate import converted_path, locate_weights, store
from emotone.transfer.readers import read_npz
from emotone.transfer.source import SOURCES, PublishedFile, Source, read_any
from emotone.transfer.sources.whisper import encoder_shapes, from_ctranslate2
from emotone.transfer.weights import SourceWeights, read_weights, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Encoder = dict[str, NDArray[Any]]


# ----------------------------------------------------------------------------------------------------------------------
# Published files are located in given places, packages and caches, verified by SHA-256, and converted.


@pytest.fixture
def encoder(rng: np.random.Generator) -> Encoder:
    return random_encoder(rng)


@pytest.fixture
def model_bin(encoder: Encoder) -> bytes:
    return ctranslate2_bytes(ctranslate2(encoder))


@pytest.fixture
def source(model_bin: bytes) -> Source:
    """Whisper base with a small encoder, whose `model.bin` has a published hash, and `model.safetensors` has none."""
    known = SOURCES.get("whisper-base")
    url = "https://huggingface.co/owner/whisper"
    published = (
        PublishedFile("model.bin", url, hashlib.sha256(model_bin).hexdigest()),
        PublishedFile("model.safetensors", url),
        PublishedFile("base.pt", "https://openaipublic.azureedge.net/main/whisper/models/0/base.pt"),
    )
    return replace(known, published=published, shapes=encoder_shapes(width=WIDTH, layers=LAYERS))


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches; a package can be installed in the folder that is returned."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in ("HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    return site


def install(site: Path, name: str, file: str, content: bytes) -> None:
    """Install a Python package with one data file."""
    module = site / name.replace("-", "_")
    (module / "data").mkdir(parents=True)
    (module / "data" / file).write_bytes(content)
    about = site / f"{module.name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "RECORD").write_text(f"{module.name}/data/{file},,\n{about.name}/METADATA,,\n{about.name}/RECORD,,\n")


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.usefixtures("empty_machine")
def test_a_machine_without_the_files(source: Source) -> None:
    with pytest.raises(SourceError, match=r"contains no file of whisper-base; its files are model.bin, model.safe"):
        locate_weights(source)


@pytest.mark.usefixtures("empty_machine")
def test_a_file_in_a_package(source: Source, model_bin: bytes, empty_machine: Path) -> None:
    install(empty_machine, "small-models", "model.bin", model_bin)
    found = locate_weights(source)
    assert (found.file.place, found.verified) == ("Python package small-models", True)
    assert found.weights.sha256 == source.published[0].sha256


@pytest.mark.usefixtures("empty_machine")
@pytest.mark.parametrize("split", [1, 1000])
def test_parts_in_several_packages(source: Source, model_bin: bytes, empty_machine: Path, split: int) -> None:
    install(empty_machine, "half-2", "model.bin.part2", model_bin[split:])
    install(empty_machine, "half-1", "model.bin.part1", model_bin[:split])
    install(empty_machine, "another-model", "model.bin.part1", b"another model")
    found = locate_weights(source)
    assert (found.file.place, found.verified) == ("Python package half-1 and Python package half-2", True)
    assert found.file.sha256() == found.weights.sha256 == source.published[0].sha256


@pytest.mark.usefixtures("empty_machine")
def test_a_single_part_is_not_a_file(source: Source, model_bin: bytes, empty_machine: Path) -> None:
    install(empty_machine, "half-1", "model.bin.part1", model_bin[:1000])
    with pytest.raises(SourceError, match="contains no file of whisper-base"):
        locate_weights(source)


@pytest.mark.usefixtures("empty_machine")
def test_a_file_with_another_hash_is_refused(source: Source, model_bin: bytes, empty_machine: Path) -> None:
    install(empty_machine, "altered", "model.bin", model_bin[:-1] + b"\1")
    with pytest.raises(SourceError, match="no intact file of whisper-base: Python package altered has another SHA-256"):
        locate_weights(source)


@pytest.mark.usefixtures("empty_machine")
def test_the_next_place_is_used_if_a_file_is_refused(
    source: Source, model_bin: bytes, empty_machine: Path, tmp_path: Path
) -> None:
    install(empty_machine, "altered", "model.bin", b"another model")
    path = written(tmp_path / "cache/huggingface/hub/models--owner--whisper/snapshots/0a1b/model.bin", model_bin)
    assert locate_weights(source).file.paths == (path,)


@pytest.mark.usefixtures("empty_machine")
@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_the_cache_of_the_hugging_face_hub(  # noqa: PLR0917
    source: Source, encoder: Encoder, model_bin: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    monkeypatch.setenv(variable, str(tmp_path / "hf"))
    hub = tmp_path / "hf" / ("hub" if variable == "HF_HOME" else "")
    written(hub / "models--owner--whisper/snapshots/0a1b/model.safetensors", numpy.save(hugging_face(encoder)))
    found = locate_weights(source)
    assert found.file.place.startswith("Hugging Face cache, ")
    assert not found.verified
    expected = from_ctranslate2(written(tmp_path / "model.bin", model_bin))
    assert set(found.weights.tensors) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found.weights.tensors[name], values)


@pytest.mark.usefixtures("empty_machine")
def test_the_cache_of_openai(source: Source, encoder: Encoder, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "cache/whisper/base.pt"
    path.parent.mkdir(parents=True)
    state = {f"encoder.{name}": torch.from_numpy(values) for name, values in encoder.items()}
    torch.save({"dims": {"n_mels": 80}, "model_state_dict": state}, path)
    found = locate_weights(source)
    assert found.file.place == f"cache of OpenAI's whisper, {path}"
    assert not found.verified


@pytest.mark.usefixtures("empty_machine")
@pytest.mark.parametrize("given", ["", "faster-whisper", "faster-whisper/model.bin"])
def test_a_given_file_or_folder(source: Source, model_bin: bytes, tmp_path: Path, given: str) -> None:
    path = written(tmp_path / "given/faster-whisper/model.bin", model_bin)
    found = locate_weights(source, path=tmp_path / "given" / given)
    assert (found.file.paths, found.file.place, found.verified) == ((path,), str(path), True)


@pytest.mark.usefixtures("empty_machine")
@pytest.mark.parametrize("given", ["", "model.bin.part1"])
def test_given_parts(source: Source, model_bin: bytes, tmp_path: Path, given: str) -> None:
    parts = [
        written(tmp_path / "given" / f"model.bin.part{number}", content)
        for number, content in ((1, model_bin[:500]), (2, model_bin[500:900]), (3, model_bin[900:]))
    ]
    found = locate_weights(source, path=tmp_path / "given" / given)
    assert (found.file.paths, found.verified) == (tuple(parts), True)


@pytest.mark.usefixtures("empty_machine")
def test_a_given_file_under_another_name_is_not_verified(source: Source, encoder: Encoder, tmp_path: Path) -> None:
    half = {name: values.astype(np.float16) for name, values in encoder.items()}
    path = written(tmp_path / "mine.bin", ctranslate2_bytes(ctranslate2(half)))
    assert not locate_weights(source, path=path).verified


@pytest.mark.usefixtures("empty_machine")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "nowhere: can't be read: there is no such file or folder"),
        ("empty", "empty contains no file of whisper-base; its files are"),
        ("model.bin", "model.bin has SHA-256 .*; published: .*; download it again"),
        ("words.txt", "words.txt: files of whisper-base end in .bin, .pt, .safetensors; given '.txt'"),
    ],
)
def test_given_places_without_the_weights(source: Source, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    for file in ("model.bin", "words.txt"):
        (tmp_path / file).write_text("words")
    with pytest.raises(SourceError, match=message):
        locate_weights(source, path=tmp_path / name)


@pytest.mark.usefixtures("empty_machine")
def test_located_weights_are_stored_under_the_name_of_the_source(
    source: Source, model_bin: bytes, tmp_path: Path
) -> None:
    found = locate_weights(source, path=written(tmp_path / "model.bin", model_bin))
    assert store(found) == converted_path("whisper-base")
    stored = read_weights(converted_path("whisper-base"))
    assert (stored.source, stored.licence) == ("whisper-base", "MIT")
    assert store(found, tmp_path / "mine.safetensors").read_bytes() == converted_path("whisper-base").read_bytes()
    assert source.read(tmp_path / "mine.safetensors").source == "whisper-base"


# ----------------------------------------------------------------------------------------------------------------------
# Files of an unknown source: the source is found by their tensors, or the error gives the reasons why none fits.


def test_what_every_source_lacks_is_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", allow_pickle=False, other=np.zeros(1))
    pattern = r"contains the weights of no known source. as .*; as soundnet5: .*missing.*; as yamnet: .*missing"
    with pytest.raises(SourceError, match=pattern):
        read_any(tmp_path / "a.npz")


def test_a_file_that_is_not_there_is_an_error_once(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a.npz: can't be read: No such file or directory$"):
        read_any(tmp_path / "a.npz")


def test_an_ending_of_no_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"their names end in .safetensors, .*.npz, .*; given '.txt'"):
        read_any(tmp_path / "a.txt")


# ----------------------------------------------------------------------------------------------------------------------
#


def test_arrays_come_by_name(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"a/b": np.arange(3), "c": np.float32(1.5)}
    np.savez_compressed(tmp_path / "a.npz", allow_pickle=False, **arrays)
    found = read_npz(tmp_path / "a.npz")
    assert {name: array.tolist() for name, array in found.items()} == {"a/b": [0, 1, 2], "c": 1.5}


def test_objects_are_rejected(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(SourceError, match=r"a.npz is not an archive of plain arrays \(.*allow_pickle.*\)$"):
        read_npz(tmp_path / "a.npz")


def test_advice_ends_the_message(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("words")
    with pytest.raises(SourceError, match=r"is not an archive of plain arrays \(.*\); do that$"):
        read_npz(tmp_path / "a.npz", advice="do that")


# ----------------------------------------------------------------------------------------------------------------------
# Files of weights: those that emotone wrote are read, others are rejected.

TENSORS: dict[str, NDArray[Any]] = {"b": np.arange(6, dtype=np.float32).reshape(2, 3).T, "a": np.array(3, np.int64)}
WEIGHTS = SourceWeights("soundnet5", TENSORS, "ab" * 32, "MIT")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "made.safetensors"
    write_weights(path, WEIGHTS)
    found = read_weights(path)
    assert (found.source, found.licence, found.sha256) == ("soundnet5", "MIT", sha256_file(path))
    assert found.tensors.keys() == TENSORS.keys()
    for name, values in TENSORS.items():
        np.testing.assert_array_equal(found.tensors[name], values)
        assert (found.tensors[name].dtype, found.tensors[name].shape) == (values.dtype, values.shape)


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    turned = SourceWeights("soundnet5", dict(reversed(TENSORS.items())), "ab" * 32, "MIT")
    write_weights(tmp_path / "one", WEIGHTS)
    write_weights(tmp_path / "two", turned)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "data",
    [b"", b"no weights", save({"a": np.zeros(2)}), save({"a": np.zeros(2)}, {"emotone.source": "[]"})],
    ids=["empty", "text", "others", "other words"],
)
def test_other_files_are_rejected(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "made.safetensors"
    path.write_bytes(data)
    with pytest.raises(
        SourceError, match=r"made\.safetensors contains no weights that emotone wrote \(.*convert the publ"
    ):
        read_weights(path)


def test_a_file_that_is_not_there_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="contains no weights that emotone wrote"):
        read_weights(tmp_path / "none.safetensors")


def test_without_safetensors_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(MissingExtraError, match=r"reading weights needs the package 'safetensors'.*emotone\[train\]"):
        read_weights(tmp_path / "made.safetensors")
