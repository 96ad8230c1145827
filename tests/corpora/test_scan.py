from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from emotone.corpora.base import CORPORA
from emotone.corpora.scan import scan
from emotone.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path

EMODB = CORPORA.get("emodb")


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_every_file_is_a_clip_or_listed(tmp_path: Path) -> None:
    touch(
        tmp_path, "wav/16a01Wb.wav", "wav/03a01Fa.WAV", "wav/other.wav", "clip.mp4", "readme.txt", "labels/03a01Fa.lab"
    )
    found = scan(EMODB, tmp_path)
    assert [(item.id, item.label, item.speaker, item.session) for item in found.utterances] == [
        ("03a01Fa", "happiness", "03", "03"),
        ("16a01Wb", "anger", "16", "16"),
    ]
    assert found.unrecognised == (tmp_path / "clip.mp4", tmp_path / "wav/other.wav")
    assert (found.name, found.root, found.problems) == ("emodb", tmp_path, ())


def test_hidden_files_and_archive_leftovers_are_no_recordings(tmp_path: Path) -> None:
    touch(tmp_path, "wav/03a01Fa.wav", "wav/._03a01Fa.wav", "__MACOSX/wav/16a01Wb.wav", ".trash/16a01Wb.wav")
    found = scan(EMODB, tmp_path)
    assert [item.id for item in found.utterances] == ["03a01Fa"]
    assert found.unrecognised == ()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a/03a01Fa.wav", "b/03a01Fa.wav"), "1 copy of a clip ignored"),
        (
            ("a/03a01Fa.flac", "a/03a01Fa.wav", "b/03a01Fa.wav"),
            "2 copies of clips ignored; the first: ",
        ),
    ],
)
def test_of_a_clip_in_two_layouts_one_is_used_and_the_other_reported(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    found = scan(EMODB, touch(tmp_path, *names))
    assert [item.path for item in found.utterances] == [tmp_path / names[0]]
    assert found.repeated == tuple(tmp_path / name for name in names[1:])
    assert len(found.problems) == 1
    assert message in found.problems[0]


def test_links_are_followed_and_a_loop_is_walked_once(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "03a01Fa.wav")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/wav").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/loop").symlink_to(tmp_path / "corpus")
    assert [item.id for item in scan(EMODB, tmp_path / "corpus").utterances] == ["03a01Fa"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="none does not exist"):
        scan(EMODB, tmp_path / "none")


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "03a01Fa.wav")
    with pytest.raises(CorpusError, match="is a file, not a folder"):
        scan(EMODB, tmp_path / "03a01Fa.wav")


def test_a_folder_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(CorpusError, match=r"can't read the folder .*: Permission denied"):
        scan(EMODB, tmp_path)


def test_a_sub_folder_that_can_not_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "wav/03a01Fa.wav", "locked/16a01Wb.wav")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = scan(EMODB, tmp_path)
    assert [item.id for item in found.utterances] == ["03a01Fa"]
    assert found.problems == found.unreadable == (f"can't read the folder {tmp_path}/locked: Permission denied",)
