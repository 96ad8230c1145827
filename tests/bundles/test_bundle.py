"""A bundle loads only whole and unchanged, runs as its net should, and equal content gives equal bytes."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.bundles import contents as layout
from emotone.bundles import library
from emotone.bundles.bundle import load_bundle, write_bundle
from emotone.bundles.contents import (
    MANIFEST,
    SEAL,
    Calibration,
    manifest_bytes,
    open_session,
    read_manifest,
    run_session,
)
from emotone.errors import BundleError, ConfigError, OutputError, UnknownNameError
from emotone.features.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = ("bundle.toml", "model.onnx", "CARD.md", "LICENSE", "test_vector.npz")


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_bundle, tmp_path / "copy")


def rewrite_manifest(directory: Path, change: Callable[[str], str]) -> None:
    """Change the text of bundle.toml and seal it again, as somebody with bad intentions would."""
    body = (directory / MANIFEST).read_bytes().rpartition(SEAL)[0].decode()
    changed = change(body)
    assert changed != body
    digest = hashlib.sha256(changed.encode()).hexdigest()
    (directory / MANIFEST).write_bytes(changed.encode() + SEAL + digest.encode() + b"\n")


def replace_file(directory: Path, name: str, data: bytes) -> None:
    """Put other content into a file, with its hash in the manifest."""
    old = hashlib.sha256((directory / name).read_bytes()).hexdigest()
    (directory / name).write_bytes(data)
    rewrite_manifest(directory, lambda text: text.replace(old, hashlib.sha256(data).hexdigest()))


def test_a_bundle_tells_what_it_is(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert bundle.labels == ("anger", "happiness", "neutral", "sadness")
    assert (bundle.window_frames, bundle.hop_frames) == (298, 100)
    assert bundle.sha256 == hashlib.sha256((tiny_bundle / MANIFEST).read_bytes()).hexdigest()
    assert bundle.check() < 1e-5


def test_probabilities_are_the_softmax_of_the_scores_over_the_temperature(
    tiny_bundle: Path, rng: np.random.Generator
) -> None:
    bundle = load_bundle(tiny_bundle)
    features = rng.normal(-8, 2, (5, 40, 64)).astype(np.float32)
    given = bundle.probabilities(features)
    logits = run_session(bundle._session, features, where="", values=4).astype(float)
    for row, scores in zip(given, logits, strict=True):  # the slow twin
        powers = [np.exp(score / 1.5) for score in scores]
        np.testing.assert_allclose(row, [power / sum(powers) for power in powers], rtol=1e-6)
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-12)
    alone = np.concatenate([bundle.probabilities(one[None]) for one in features])
    np.testing.assert_allclose(given, alone, atol=1e-6)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0, 0.5, -1])
def test_one_byte_changed_in_any_file_is_said(copy: Path, name: str, where: float) -> None:
    data = bytearray((copy / name).read_bytes())
    data[int(where * len(data)) if where > 0 else int(where)] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=rf"{name} was modified after it was written: .* should be .*; copy"):
        load_bundle(copy)


def test_every_single_byte_of_the_manifest_counts(tiny_bundle: Path) -> None:
    data = (tiny_bundle / MANIFEST).read_bytes()
    for position in range(len(data)):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(BundleError, match=r"bundle\.toml was modified"):
            read_manifest(changed, where="bundle.toml")


@pytest.mark.parametrize("name", FILES[1:])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=rf"{name} is missing; copy the whole folder again"):
        load_bundle(copy)


def test_a_file_that_is_a_folder_is_said(copy: Path) -> None:
    (copy / "CARD.md").unlink()
    (copy / "CARD.md").mkdir()
    with pytest.raises(BundleError, match=r"CARD.md can't be read: Is a directory"):
        load_bundle(copy)


def test_what_is_no_bundle_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not the folder of a model: no such folder"):
        load_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"it contains no bundle\.toml"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "emotone.bundle/1",
            "emotone.bundle/9",
            "schema is 'emotone.bundle/9'; this version .* reads 'emotone.bundle/1'",
        ),
        ('name = "tiny"', 'nam = "tiny"', "unknown key 'nam'; did you mean 'name'"),
        ('name = "tiny"\n', "", "missing name"),
        ('name = "tiny"', 'name = "../tiny"', "name '../tiny' must be lower-case"),
        ("seconds = 3.0", 'seconds = "3"', "a value of type float was expected"),
        ("seconds = 3.0", "seconds = 0.5", "windows need 0 < hop <= seconds"),
        ("min_seconds = 0.0", "min_seconds = 3.5", "windows need 0 <= min_seconds <= seconds; given 3.5 and 3.0"),
        ("temperature = 1.5", "temperature = 0.0", "temperature must be above 0"),
        ('"anger",', '"sadness",', "labels must be two or more different names"),
        ("[thresholds]", "[thresholds]\nangr = 0.5", "unknown label in thresholds 'angr'; did you mean 'anger'"),
        ("[thresholds]", "[thresholds]\nanger = 1.5", "threshold of anger must be from 0 to 1"),
        ('name = "log-mel"', 'name = "logmel"', "unknown front end 'logmel'; did you mean 'log-mel'"),
        ('name = "log-mel"', "", "front_end: missing name"),
        ("bands = 64", "bandz = 64", "unknown key 'bandz'; did you mean 'bands'"),
        ("hop = 160", "hop = 0", "log-mel needs 0 < hop"),
        ('"CARD.md"', '"../CARD.md"', r"may name only files of the bundle's own folder; given '../CARD.md'"),
        ('"CARD.md"', '"/etc/passwd"', r"may name only files of the bundle's own folder; given '/etc/passwd'"),
        ('"CARD.md"', '"bundle.toml"', "may name only files of the bundle's own folder; given 'bundle.toml'"),
        ('"CARD.md"', '"KARD.md"', r"\[files\] lacks CARD.md"),
        ('LICENSE = "', 'LICENSE = "x', "needs a SHA-256"),
        ("[windows]", "[windows", "does not describe a bundle: "),
        ("A linear net", "\udc00A linear net", None),
    ],
)
def test_a_manifest_with_something_wrong_is_said(copy: Path, old: str, new: str, message: str | None) -> None:
    if message is None:
        (copy / MANIFEST).write_bytes(b"\xff" + (copy / MANIFEST).read_bytes())
        message = "was modified"
    else:
        rewrite_manifest(copy, lambda text: text.replace(old, new, 1))
    with pytest.raises(BundleError, match=message) as caught:
        load_bundle(copy)
    assert MANIFEST in str(caught.value)


def test_a_sealed_manifest_that_is_no_text_is_said() -> None:
    body = b"\xff\xfe"
    data = body + SEAL + hashlib.sha256(body).hexdigest().encode() + b"\n"
    with pytest.raises(BundleError, match="here does not describe a bundle"):
        read_manifest(data, where="here")


def test_further_files_may_be_listed_and_are_checked(copy: Path) -> None:
    (copy / "notes.txt").write_text("hello")
    digest = hashlib.sha256(b"hello").hexdigest()
    rewrite_manifest(copy, lambda text: text.replace("[files]", f'[files]\n"notes.txt" = "{digest}"'))
    load_bundle(copy)
    (copy / "notes.txt").write_text("hallo")
    with pytest.raises(BundleError, match=r"notes\.txt was modified"):
        load_bundle(copy)


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no archive", "test_vector.npz can't be read as arrays"),
        (npz(signal=np.zeros(400, np.float32)), "test_vector.npz can't be read as arrays"),
        (npz(signal=np.array([{}], dtype=object), probabilities=np.ones(4)), "can't be read as arrays .*pickle"),
        (npz(signal=np.zeros((2, 9), np.float32), probabilities=np.ones(4)), "needs `signal`"),
        (npz(signal=np.zeros(0, np.float32), probabilities=np.ones(4)), "needs `signal`"),
        (npz(signal=np.zeros(400, np.float32), probabilities=np.ones(3)), r"`probabilities` \[4\]"),
        (npz(signal=np.ones(400, np.float32), probabilities=np.ones(4)), "does not reproduce the prob"),
        (npz(signal=np.ones(400, np.float32), probabilities=np.full(4, np.nan)), "does not reproduce the prob"),
    ],
)
def test_a_test_vector_that_is_wrong_is_said_by_check(copy: Path, data: bytes, message: str) -> None:
    replace_file(copy, "test_vector.npz", data)
    bundle = load_bundle(copy)
    with pytest.raises(BundleError, match=message):
        bundle.check()


def test_a_model_that_is_no_onnx_file_is_said(copy: Path) -> None:
    replace_file(copy, "model.onnx", b"no model")
    bundle = load_bundle(copy)
    with pytest.raises(BundleError, match=r"model\.onnx can't be opened by ONNX Runtime"):
        bundle.warm()


@pytest.mark.parametrize(
    ("shape", "ports", "message"),
    [
        ((64, 3), {}, r"must have exactly 'logits' float32 \[any, 4\]; it has 'logits' .*3\]"),
        ((40, 4), {}, r"must have exactly 'features' float32 \[any, any, 64\]; it has 'features' .*40\]"),
        ((64, 4), {"inputs": "x"}, "must have exactly 'features'"),
        ((64, 4), {"outputs": "y"}, "must have exactly 'logits'"),
    ],
)
def test_a_net_of_other_shapes_is_said(
    onnx_model: Callable[..., bytes], shape: tuple[int, int], ports: dict[str, str], message: str
) -> None:
    model = onnx_model(np.ones(shape, np.float32), **ports)
    with pytest.raises(BundleError, match=message):
        open_session(model, where="net", threads=1, dimension=64, values=4)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((2, 3), np.float32), r"returns logits of shape \[2, 3\]; needed: \[2, 4\]"),
        (np.full((2, 4), np.nan, np.float32), "not finite"),
    ],
)
def test_a_net_that_gives_something_else_is_said(scores: np.ndarray[Any, Any], message: str) -> None:
    session = SimpleNamespace(run=lambda _outputs, _inputs: [scores])
    with pytest.raises(BundleError, match=message):
        run_session(session, np.zeros((2, 9, 64), np.float32), where="net", values=4)


def test_a_shape_that_the_net_refuses_is_said(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    with pytest.raises(BundleError, match=r"fails on features of shape \[1, 9, 63\]"):
        bundle.probabilities(np.zeros((1, 9, 63), np.float32))


def written(tiny_bundle: Path, directory: Path, **changes: Any) -> Path:
    bundle = load_bundle(tiny_bundle)
    with np.load(tiny_bundle / "test_vector.npz") as arrays:
        vector = dict(arrays)
    arguments = {
        "model": (tiny_bundle / "model.onnx").read_bytes(),
        "card": (tiny_bundle / "CARD.md").read_text(),
        "licence": (tiny_bundle / "LICENSE").read_text(),
        **vector,
        **changes,
    }
    return write_bundle(directory, bundle.manifest, **arguments).directory


def test_equal_content_gives_equal_bytes(tiny_bundle: Path, tmp_path: Path) -> None:
    again = written(tiny_bundle, tmp_path / "deep" / "again")
    assert {path.name for path in again.iterdir()} == set(FILES)
    for name in FILES:
        assert (again / name).read_bytes() == (tiny_bundle / name).read_bytes()


def test_a_bundle_replaces_a_bundle_and_nothing_else(tiny_bundle: Path, tmp_path: Path) -> None:
    target = written(tiny_bundle, tmp_path / "model")
    written(tiny_bundle, target, card="# other\n")
    assert (load_bundle(target).directory / "CARD.md").read_text() == "# other\n"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").touch()
    with pytest.raises(OutputError, match="photos contains other files than a bundle"):
        written(tiny_bundle, tmp_path / "photos")


def test_a_bundle_that_fails_its_own_test_is_not_written(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="does not reproduce the prob"):
        written(tiny_bundle, tmp_path / "model", probabilities=np.full(4, 0.25))
    assert not list(tmp_path.iterdir())


def test_a_place_that_can_not_be_written_is_said(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't write"):
        written(tiny_bundle, tmp_path / "file" / "model")


def test_a_disk_that_fails_midway_leaves_nothing(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        written(tiny_bundle, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_manifest_values_are_checked_also_when_made_in_python(tiny_bundle: Path) -> None:
    import dataclasses

    manifest = load_bundle(tiny_bundle).manifest
    with pytest.raises(ConfigError, match="schema is 'x'"):
        dataclasses.replace(manifest, schema="x")
    with pytest.raises(ConfigError, match="windows need"):
        dataclasses.replace(manifest, windows=Windows(seconds=1, hop=2))
    with pytest.raises(ConfigError, match="temperature"):
        dataclasses.replace(manifest, calibration=Calibration(temperature=float("nan")))


def test_the_manifest_reads_back(tiny_bundle: Path) -> None:
    manifest = load_bundle(tiny_bundle).manifest
    assert read_manifest(manifest_bytes(manifest), where="") == manifest


def test_shipped_models_are_found_by_name(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "models" / "default")
    monkeypatch.setattr(library, "SHIPPED", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    assert library.shipped_names() == ("default",)
    assert library.load("default").directory == tmp_path / "models" / "default"
    assert library.load("models/default").directory == Path("models/default")
    with pytest.raises(UnknownNameError, match="unknown model 'defualt'; did you mean 'default'"):
        library.load("defualt")
    with pytest.raises(BundleError, match="models/other is not the folder of a model"):
        library.load("models/other")
    with pytest.raises(BundleError, match="models is not the folder of a model: it contains no"):
        library.load("models")
    with pytest.raises(BundleError, match="no such folder"):
        library.load(Path("default"))


@pytest.mark.parametrize("name", library.shipped_names())
def test_every_shipped_model_is_whole_and_gives_its_test_vector(name: str) -> None:
    bundle = library.load(name)
    assert bundle.manifest.name == name
    assert bundle.check() <= (bundle.manifest.tolerance or 1e-4)
    assert set(layout.REQUIRED) <= set(bundle.manifest.files)


def test_rows_between_two_windows_are_said_before_any_work() -> None:
    """A second has 98 whole rows of 25 ms, and the next window began two rows later: a `ValueError` half-way."""
    from emotone.features.front_ends.log_mel import MnLogMel

    assert Windows(seconds=1.0, hop=1.0).frames(MnLogMel(pads_end=True)) == (100, 100)
    assert Windows(seconds=1.0, hop=0.98).frames(MnLogMel()) == (98, 98)
    with pytest.raises(ConfigError, match=r"1 s are 98 rows .* start every 100 rows; .* at most 0.98, or pads_end"):
        Windows(seconds=1.0, hop=1.0).frames(MnLogMel())
