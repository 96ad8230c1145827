"""Properties of every form of a name: disjoint parts, speaker independence, any order, folds that never change."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotone.config import signature
from emotone.corpora.base import CORPORA
from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.protocols import SCALING, audit, descriptions, protocol
from emotone.protocols.base import FAMILIES
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

LABELS = ("anger", "fear", "happiness", "neutral")
EMODB = CORPORA.get("emodb").speakers
# Of every form of a name at least one, with the corpus that it is tried on.
NAMED = {
    "leave-one-speaker-out": "iemocap",
    "leave-one-speaker-out-session-dev": "iemocap",
    "leave-one-session-out": "iemocap",
    "speaker-folds-5": "emodb",
    "random-5": "emodb",
    "speakers-60-20-20": "emodb",
    "speakers-8-1-1": "emodb",
    "speakers-70-0-30": "emodb",
    "random-60-20-20": "emodb",
    "random-8-1-1": "emodb",
    "random-70-0-30": "emodb",
    "emodb-audeering": "emodb",
    "ravdess-audeering": "ravdess",
    "iemocap-sessions": "iemocap",
    "train-on-ravdess": "ravdess and emodb",
    "train-on-iemocap": "iemocap",
    "fixed:{lists}": "emodb",
    "emobox:{checkout}:emodb": "emodb",
    "emobox:{checkout}:ravdess": "ravdess",
    "onto-emodb-random-5": "ravdess and emodb",
    "onto-ravdess-speaker-folds-5": "ravdess and emodb",
    "onto-emodb-fixed:{lists}": "ravdess and emodb",
    "speaker-folds-5@10": "ravdess and emodb",
    "random-60-20-20@10": "emodb",
    "fixed:{lists}@10": "emodb",
    "onto-emodb-speaker-folds-5@10": "ravdess and emodb",
}
FORMS = {
    "speaker-folds-5@10": "PROTOCOL@N",
    "random-60-20-20@10": "PROTOCOL@N",
    "fixed:{lists}@10": "PROTOCOL@N",
    "onto-emodb-speaker-folds-5@10": "onto-CORPUS-PROTOCOL",
    "onto-emodb-random-5": "onto-CORPUS-PROTOCOL",
    "onto-ravdess-speaker-folds-5": "onto-CORPUS-PROTOCOL",
    "onto-emodb-fixed:{lists}": "onto-CORPUS-PROTOCOL",
    "fixed:{lists}": "fixed:FILE.toml",
    "emobox:{checkout}:emodb": "emobox:DIR:CORPUS",
    "emobox:{checkout}:ravdess": "emobox:DIR:CORPUS",
}
# The parts of all folds of the clips that are made below, with seed 0.
GOLDEN = {
    "leave-one-speaker-out": "3a773febb5df",
    "leave-one-speaker-out-session-dev": "a3575138a396",
    "leave-one-session-out": "96b608f7cb89",
    "speaker-folds-5": "eee9f0233dfe",
    "random-5": "957f422fdc08",
    "speakers-60-20-20": "51fbdcac8cc0",
    "speakers-8-1-1": "1ff71408d17f",
    "speakers-70-0-30": "eac8e37fadbc",
    "random-60-20-20": "fab27b6bcece",
    "random-8-1-1": "3f6347246d50",
    "random-70-0-30": "05cfa5ba02b2",
    "emodb-audeering": "9e4f697b7822",
    "ravdess-audeering": "eb11d9b923fb",
    "iemocap-sessions": "d3bc4e59efe0",
    "train-on-ravdess": "ee8cb0f5a3d0",
    "train-on-iemocap": "d3bc4e59efe0",
    "fixed:{lists}": "b84614438fd5",
    "emobox:{checkout}:emodb": "8d0b130cdaf5",
    "emobox:{checkout}:ravdess": "f74673c0cd48",
    "onto-emodb-random-5": "e37af0eb904d",
    "onto-ravdess-speaker-folds-5": "9f66aac2745c",
    "onto-emodb-fixed:{lists}": "327bb0895422",
    "speaker-folds-5@10": "a47fbef5ba3a",
    "random-60-20-20@10": "24fa529dd07e",
    "fixed:{lists}@10": "1d40dabf69c1",
    "onto-emodb-speaker-folds-5@10": "981a6788ff4d",
}
EMODB_LETTERS = "WLEAFTN"


def emodb(extra: int = 0) -> list[Utterance]:
    """Return clips named as in the corpus, `extra` more of the first speaker."""
    names = [f"{speaker}{text}{letter}a" for speaker in EMODB for text in ("a01", "b02") for letter in "WAFN"]
    names += [f"03b10{letter}b" for letter in EMODB_LETTERS[:extra]]
    return [_utterance("emodb", name, speaker=name[:2], label=LABELS[index % 4]) for index, name in enumerate(names)]


def ravdess(extra: int = 0) -> list[Utterance]:
    names = [
        f"03-01-0{emotion}-01-0{take}-01-{actor:02d}" for actor in range(1, 25) for emotion in (3, 5) for take in (1, 2)
    ]
    names += [f"03-01-0{emotion}-02-01-02-01" for emotion in range(2, 2 + extra)]
    return [_utterance("ravdess", name, speaker=name[-2:], label=LABELS[int(name[7]) % 4]) for name in names]


def iemocap(extra: int = 0) -> list[Utterance]:
    names = [f"Ses0{s}F_impro01_{who}00{turn}" for s in range(1, 6) for who in "FM" for turn in range(6)]
    names += [f"Ses01F_impro02_F00{turn}" for turn in range(extra)]
    return [
        _utterance("iemocap", name, speaker=name[:5] + name[-4], session=name[:5], label=LABELS[int(name[-1]) % 4])
        for name in names
    ]


def both(extra: int = 0) -> list[Utterance]:
    return [*ravdess(extra), *emodb(extra)]


CORPUS: dict[str, Callable[[int], list[Utterance]]] = {
    "emodb": emodb,
    "ravdess": ravdess,
    "iemocap": iemocap,
    "ravdess and emodb": both,
}


def _utterance(corpus: str, name: str, *, speaker: str, label: str, session: str = "") -> Utterance:
    return Utterance(name, corpus, Path(f"{name}.wav"), 0.0, None, speaker, session or speaker, label)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A file of lists, and a checkout of EmoBox with two folds of two corpora, one of them leaking."""
    folder = tmp_path_factory.mktemp("protocols")
    lists = folder / "my lists+1.toml"
    lists.write_text('train = ["03", "08", "09", "10"]\ndev = ["emodb/11"]\ntest = ["12", "13"]\n')
    for corpus, utterances, of in (("emodb", emodb(), lambda clip: int(clip.id[3:5])), ("ravdess", ravdess(), _actor)):
        for number in (1, 2):
            inside = folder / f"EmoBox/data/{corpus}/fold_{number}"
            inside.mkdir(parents=True)
            for part in ("train", "test"):
                rows = [clip for clip in utterances if (of(clip) % 2 == number % 2) is (part == "test")]
                text = "".join(json.dumps({"wav": f"downloads/{corpus}/x/{clip.path}"}) + "\n" for clip in rows)
                (inside / f"{corpus}_{part}_fold_{number}.jsonl").write_text(text)
    return {"lists": str(lists), "checkout": str(folder / "EmoBox")}


def _actor(clip: Utterance) -> int:
    return int(clip.speaker)


def test_every_form_of_a_name_is_tried() -> None:
    def form(name: str) -> str:
        if name in FORMS or not name[-1].isdigit():
            return FORMS.get(name, name)
        kind, *numbers = name.split("-")
        kind, numbers = (f"{kind}-{numbers[0]}", numbers[1:]) if numbers[0] == "folds" else (kind, numbers)
        return f"{kind}-{'A-B-C' if len(numbers) == 3 else 'K'}"

    assert {form(name) for name in NAMED} | {"NAME+speaker-scaled"} == set(descriptions())


@pytest.mark.parametrize("suffix", ["", "+speaker-scaled"])
@pytest.mark.parametrize("name", NAMED)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(extra=st.integers(0, 5), seed=st.integers(0, 20))
def test_folds_are_disjoint_covering_and_speaker_independent(
    name: str, suffix: str, files: dict[str, str], extra: int, seed: int
) -> None:
    utterances = CORPUS[NAMED[name]](extra)
    speaker_of = {utterance.key: utterance.speaker_key for utterance in utterances}
    chosen = protocol(name.format(**files) + suffix)
    folds = chosen.folds(utterances, seed=seed)
    assert len({fold.name for fold in folds}) == len(folds)
    for fold in folds:
        parts = [set(fold.train), set(fold.dev), set(fold.test)]
        assert parts[0]
        assert parts[2]
        assert sum(map(len, parts)) == len(set().union(*parts))
        assert set().union(*parts) <= set(speaker_of)
        assert all(part == tuple(sorted(part)) for part in (fold.train, fold.dev, fold.test))
        if chosen.speaker_independent:
            trained, tested = ({speaker_of[key] for key in part} for part in (parts[0] | parts[1], parts[2]))
            assert not trained & tested
    counts = Counter(key for fold in folds for key in fold.test)
    if chosen.covering:
        assert counts == Counter(speaker_of.keys())
    # The audit lists utterances that are left out, and a note mentions them.
    left = audit(folds, utterances, scaling=chosen.scaling).left_out
    assert bool(left) == any("left out" in note for note in chosen.notes(utterances))


@pytest.mark.parametrize("name", NAMED)
def test_speaker_scaling_changes_the_name_and_no_fold(name: str, files: dict[str, str]) -> None:
    utterances = CORPUS[NAMED[name]](2)
    plain, scaled = protocol(name.format(**files)), protocol(name.format(**files) + "+speaker-scaled")
    assert scaled.folds(utterances, seed=1) == plain.folds(utterances, seed=1)
    assert (plain.scaling, scaled.scaling) == ("train", "speaker")
    assert scaled.name == f"{plain.name}+speaker-scaled"
    assert scaled.twin == (f"{plain.twin}+speaker-scaled" if plain.twin else None)
    assert scaled.signature != plain.signature
    assert plain.title == f"{plain.description}; {SCALING['train']}"
    assert scaled.title == f"{plain.description}; {SCALING['speaker']}"


@pytest.mark.parametrize("name", NAMED)
def test_a_twin_is_speaker_independent_and_can_be_run(name: str, files: dict[str, str]) -> None:
    chosen = protocol(name.format(**files))
    assert (chosen.twin is None) is chosen.speaker_independent
    if chosen.twin is not None:
        twin = protocol(chosen.twin)
        assert twin.speaker_independent
        assert twin.folds(CORPUS[NAMED[name]](0), seed=0)


@pytest.mark.parametrize("name", NAMED)
def test_the_stored_name_is_short_and_has_the_same_properties(name: str, files: dict[str, str]) -> None:
    chosen = protocol(name.format(**files))
    assert len(chosen.name) < 60
    assert not set(chosen.name) & set("/\\:. ")
    remembered = protocol(f"{chosen.name}+speaker-scaled")  # as in a predictions table, where no file is at hand
    assert remembered.speaker_independent is chosen.speaker_independent
    assert remembered.scaling == "speaker"
    assert remembered.name == f"{chosen.name}+speaker-scaled"


@pytest.mark.parametrize("name", NAMED)
def test_folds_depend_on_the_utterances_and_the_seed_only(
    name: str, files: dict[str, str], rng: np.random.Generator
) -> None:
    utterances = CORPUS[NAMED[name]](3)
    chosen = protocol(name.format(**files))
    folds = chosen.folds(utterances, seed=3)
    shuffled = [utterances[index] for index in rng.permutation(len(utterances))]
    assert protocol(name.format(**files)).folds(shuffled, seed=3) == folds


def test_folds_never_change_between_machines_and_versions(files: dict[str, str]) -> None:
    # If this fails, the folds of published scores have changed: raise the protocol's version.
    digests = {
        name: signature(
            [
                [fold.name, fold.train, fold.dev, fold.test]
                for fold in protocol(name.format(**files)).folds(CORPUS[corpus](1), seed=0)
            ]
        )
        for name, corpus in NAMED.items()
    }
    assert digests == GOLDEN
    assert {protocol(name.format(**files)).version for name in NAMED} == {1}


def test_existing_runs_keep_their_signature() -> None:
    assert protocol("speaker-folds-10").signature == ("speaker-folds-10", 1)


def test_a_known_speaker_is_needed_to_scale_by() -> None:
    utterances = [replace(utterance, speaker="") for utterance in emodb()]
    assert len(protocol("random-2").folds(utterances, seed=0)) == 2
    with pytest.raises(RunError, match=r"have no speaker .* and random-2\+speaker-scaled scales features per speaker"):
        protocol("random-2+speaker-scaled").folds(utterances, seed=0)


@pytest.mark.parametrize("name", ["random-5+speaker-scale", "random-5+x+speaker-scaled", "speakers-8-1-1+"])
def test_another_suffix_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown scaling '\+.*Allowed: \+speaker-scaled"):
        protocol(name)


def test_an_unknown_name_lists_the_forms() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown protocol 'emodb-audering'; did you mean 'emodb-audeering'\?"):
        protocol("emodb-audering")
    with pytest.raises(UnknownNameError, match="unknown protocol 'held-out'"):
        protocol("held-out")


@pytest.mark.parametrize("name", ["random-0-1-1", "speakers-8-2-0", "random-0-0-0"])
def test_shares_that_leave_nothing_to_do_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"'{name}' leaves no clip for training or testing.*e\.g\. \w+-60-20-20"):
        protocol(name)


def test_every_line_is_short_enough_for_help() -> None:
    assert all(line and len(line) <= 110 and not line.endswith(".") for line in descriptions().values())
    assert set(FAMILIES.names) == {"emobox", "fixed", "folds", "published", "sessions", "shares"}


def test_the_page_names_every_form() -> None:
    page = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")
    assert [form for form in descriptions() if f"`{form}`" not in page] == []
