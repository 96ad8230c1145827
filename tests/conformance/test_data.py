"""Conformance of corpora, and of sources of published weights."""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.net_inputs import BANDS, CLASSES, INPUTS, TINY, Input

from emotone.corpora import base
from emotone.corpora.base import CORPORA, Corpus
from emotone.corpora.check import recognise
from emotone.corpora.database import read_database, write_database
from emotone.corpora.labels import EMOTIONS, UNKNOWN, emotion_of
from emotone.corpora.scan import scan
from emotone.corpora.table import read_table, write_table
from emotone.corpora.table_rows import COLUMNS
from emotone.nets.base import NETS
from emotone.transfer.apply import transfer_into
from emotone.transfer.plans import PLANS, Plan, layer_of, named_plan, uses_groups
from emotone.transfer.source import SOURCES, Source
from emotone.transfer.weights import SourceWeights

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


# ----------------------------------------------------------------------------------------------------------------------
# Every corpus in the registry: required information, and a parser that reads its own layout only.

# Recordings that belong to no corpus here; the first two are other parts of RAVDESS, the next are whole dialogues of
# IEMOCAP and an uncut recording of eNTERFACE.
FOREIGN = (
    "Actor_01/03-02-03-01-01-01-01.wav",
    "Actor_01/01-01-03-01-01-01-01.mp4",
    "Session1/dialog/wav/Ses01F_impro01.wav",
    "Session1/dialog/avi/DivX/Ses01F_impro01.avi",
    "subject 6/anger/s6_an_1.avi",
    "Test/000046280.avi",
    "1001_DFA_ANG_XX_copy.wav",
    "anger/01.wav",
    "s1/talk.avi",
    "call.wav",
)


@pytest.fixture(params=CORPORA.names)
def corpus(request: pytest.FixtureRequest) -> Corpus:
    return CORPORA.get(request.param)


def grow(root: Path, names: tuple[str, ...]) -> Path:
    """Make empty files; of recordings, scanning looks at names alone."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def download(root: Path, corpus: Corpus, *, suffix: str = "") -> Path:
    """Make a small tree of the corpus's layout with its label files; `suffix` as in a converted copy."""
    names = [str(PurePosixPath(name).with_suffix(suffix)) if suffix else name for name in corpus.examples]
    grow(root, tuple(names))
    for name, text in (corpus.annotations.examples if corpus.annotations else {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


def test_there_are_corpora() -> None:
    named = "afew crema-d emodb emoprosody emovo enterface esd iemocap masc nemo ravdess rml savee shemo tess urdu"
    assert set(named.split()) <= set(CORPORA.names)


def test_the_name_is_that_of_the_file(corpus: Corpus) -> None:
    assert CORPORA.get(corpus.name) is corpus


def test_a_corpus_file_imports_only_the_base_of_its_package(corpus: Corpus) -> None:
    file = Path(base.__file__).parent / "datasets" / f"{corpus.name.replace('-', '_')}.py"
    tree = ast.parse(file.read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert {name for name in imported if name.startswith("emotone")} == {"emotone.corpora.base"}


def test_texts_are_there(corpus: Corpus) -> None:
    for text in (corpus.title, corpus.citation, corpus.access, corpus.layout, corpus.licence.note):
        assert len(text) > 10
        assert text == " ".join(text.split())
    assert re.search(r"\b(19|20)\d\d\b", corpus.citation), "a citation has a year"
    assert re.fullmatch(r"[A-Za-z0-9.-]+", corpus.licence.name)
    assert corpus.languages
    assert all(re.fullmatch(r"[a-z]{2,3}(-[A-Z]{2})?", tag) for tag in corpus.languages)


def test_only_licences_that_allow_it_let_weights_be_published(corpus: Corpus) -> None:
    if corpus.licence.weights_shippable:
        assert corpus.licence.name in {"CC0-1.0", "CC-BY-NC-SA-4.0"}, "look at the terms again, then name them here"


def test_counts_are_there_and_labels_canonical(corpus: Corpus) -> None:
    assert set(corpus.counts) == set(corpus.emotions.values()) <= {*EMOTIONS, UNKNOWN}
    assert all(count > 0 for count in corpus.known_counts.values())
    known = len(corpus.known_counts) == len(corpus.counts)
    assert corpus.clips == (sum(corpus.known_counts.values()) if known else None)
    assert len(set(corpus.speakers)) == len(corpus.speakers) != 1
    assert list(corpus.speakers) == sorted(corpus.speakers)
    assert corpus.speaker_count is None or corpus.speaker_count > 1


def test_its_words_in_a_table_are_never_mapped_to_another_emotion(corpus: Corpus) -> None:
    assert all(emotion_of(word) in (None, emotion) for word, emotion in corpus.emotions.items())


def test_suffixes_are_lower_case_and_include_lossless_copies(corpus: Corpus) -> None:
    assert {".wav", ".flac", ".ogg"} <= set(corpus.suffixes)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in corpus.suffixes)


def test_its_own_tree_is_read_completely(corpus: Corpus, tmp_path: Path) -> None:
    found = scan(corpus, download(tmp_path, corpus))
    assert {utterance.path for utterance in found.utterances} == {tmp_path / name for name in corpus.examples}
    assert (found.unrecognised, found.repeated, found.problems) == ((), (), ())
    assert {utterance.label for utterance in found.utterances} == set(corpus.counts)
    for utterance in found.utterances:
        assert utterance.corpus == corpus.name
        assert not corpus.speakers or utterance.speaker in corpus.speakers
        assert utterance.session or not utterance.speaker
        assert utterance.end is None or 0 <= utterance.start < utterance.end
        assert corpus.emotions[utterance.extras["original_label"]] == utterance.label
        assert all(isinstance(value, str) and value for value in utterance.extras.values())
        assert not set(utterance.extras) & set(COLUMNS), "it would hide a column of a table"


def test_where_names_tell_everything_a_recording_is_one_utterance(corpus: Corpus, tmp_path: Path) -> None:
    found = scan(corpus, download(tmp_path, corpus))
    if corpus.annotations is None:
        assert len(found.utterances) == len(corpus.examples)
        assert {(utterance.start, utterance.end) for utterance in found.utterances} == {(0.0, None)}
    else:
        assert len(found.utterances) >= len(corpus.examples)


def test_ids_are_unique_sorted_and_the_same_for_converted_copies(corpus: Corpus, tmp_path: Path) -> None:
    original = scan(corpus, download(tmp_path / "original", corpus))
    copy = scan(corpus, download(tmp_path / "copy", corpus, suffix=".FLAC"))
    ids = [utterance.id for utterance in original.utterances]
    assert ids == sorted(set(ids)) == [utterance.id for utterance in copy.utterances]


def test_it_is_read_back_from_a_table(corpus: Corpus, tmp_path: Path) -> None:
    found = scan(corpus, download(tmp_path, corpus))
    write_table(found, tmp_path / "t.csv")
    again = read_table(tmp_path / "t.csv", name=corpus.name)
    assert again.problems == ()
    assert again.utterances == found.utterances


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
def test_it_is_read_back_from_a_database(corpus: Corpus, tmp_path: Path) -> None:
    found = scan(corpus, download(tmp_path, corpus))
    write_database(found, tmp_path, corpus=corpus)
    again = read_database(tmp_path, name=corpus.name)
    assert again.problems == ()
    assert again.utterances == found.utterances
    assert recognise(tmp_path) is corpus


def test_known_duplicates_are_ids_of_the_corpus(corpus: Corpus) -> None:
    for ids in corpus.known_duplicates:
        assert len(ids) > 1
        assert list(ids) == sorted(ids)
        parsed = [corpus.parse(PurePosixPath(f"{name}.wav")) for name in ids]
        assert [item.id for item in parsed if item] == list(ids)


def test_parsing_touches_no_disk_and_wants_a_known_suffix(corpus: Corpus) -> None:
    for name in corpus.examples:
        path = PurePosixPath(name)
        parsed = corpus.parse(path)
        assert parsed is not None
        assert (parsed.label == "") == (corpus.annotations is not None)
        assert corpus.parse(path.with_suffix(".txt")) is None
        assert corpus.parse(path.with_suffix("")) is None


def test_a_foreign_tree_is_not_recognised(corpus: Corpus, tmp_path: Path) -> None:
    others = tuple(name for key, other in CORPORA.all().items() if key != corpus.name for name in other.examples)
    found = scan(corpus, grow(tmp_path, FOREIGN + others))
    assert found.utterances == ()
    assert len(found.unrecognised) == len(FOREIGN + others)


def test_a_folder_is_recognised_as_this_corpus_and_no_other(corpus: Corpus, tmp_path: Path) -> None:
    assert recognise(download(tmp_path, corpus)) is corpus


@given(st.text(max_size=30), st.sampled_from([".wav", ".WAV", ".flac", ""]))
def test_any_name_is_parsed_or_refused_but_never_fails(name: str, suffix: str) -> None:
    for corpus in CORPORA.all().values():
        parsed = corpus.parse(PurePosixPath("folder") / (name + suffix))
        assert parsed is None or parsed.label in (corpus.emotions if corpus.annotations is None else {""})


@given(st.text(max_size=80) | st.text("0123456789.[]- \t\n:;,()AC", max_size=80))
def test_any_label_file_is_read_line_by_line_and_never_fails(text: str) -> None:
    for corpus in CORPORA.all().values():
        for name in corpus.annotations.examples if corpus.annotations else ():
            assert corpus.annotations is not None
            list(corpus.annotations.read(PurePosixPath(name), text))


@pytest.mark.shared
def test_the_real_corpus_is_complete(corpus: Corpus, shared: Path) -> None:
    folder = shared / "corpora" / corpus.name
    if not folder.is_dir():
        assert not corpus.verified, "a corpus of which no copy was read is called verified"
        pytest.skip(f"no copy of {corpus.name} in {folder.parent}")
    assert corpus.verified
    found = scan(corpus, folder)
    assert corpus.clips in (None, len(found.utterances))
    counts = Counter(utterance.label for utterance in found.utterances)
    assert {label: counts[label] for label in corpus.known_counts} == corpus.known_counts
    speakers = {utterance.speaker for utterance in found.utterances}
    assert not corpus.speakers or speakers == set(corpus.speakers)
    assert (found.unrecognised, found.problems) == ((), ())
    assert recognise(folder) is corpus


# ----------------------------------------------------------------------------------------------------------------------
# Every source has its metadata, and its layers are layers of its network.

# Settings with which a network has all layers of a source, where the defaults build only some of them.
WHOLE: dict[str, dict[str, Any]] = {
    "letter-convolution": {"kind": "convolution"},
    "whisper-base": {"layers": (6,), "final_norm": True},
    "whisper-tiny-en": {"layers": (4,), "width": 384, "heads": 6, "final_norm": True},
}


@pytest.fixture(params=SOURCES.names)
def source(request: pytest.FixtureRequest) -> Source:
    return SOURCES.get(request.param)


def test_there_are_sources() -> None:
    assert "soundnet5" in SOURCES.names


def test_it_says_what_it_is(source: Source) -> None:
    assert source.name in SOURCES.names
    assert source.title
    assert source.citation
    assert source.licence
    assert source.licence_note
    assert source.published
    assert source.readers
    assert source.rate > 0


def test_it_says_where_its_files_are(source: Source) -> None:
    for one in source.published:
        assert one.url.startswith(("https://", "http://"))
        assert one.file
        assert one.sha256 == "" or re.fullmatch(r"[0-9a-f]{64}", one.sha256)


def test_its_layers_are_the_networks(source: Source) -> None:
    net = NETS.get(source.net)(**WHOLE.get(source.name, {}))
    names = {layer for group in net.groups for layer in group}
    assert set(source.layers) <= names
    assert {layer_of(name) for name in source.shapes} == set(source.layers)
    assert not set(source.shapes) & set(source.optional)


# ----------------------------------------------------------------------------------------------------------------------
# Every net under every plan: after three steps what is frozen is bit-identical, the rest has moved, buffers too.


def built(name: str, *, seed: int) -> Network:
    torch.manual_seed(seed)
    net: Network = NETS.get(name)(**TINY.get(name, {})).build(BANDS, CLASSES)
    return net


def three_steps(net: Network, heard: Input) -> None:
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad] or list(net.parameters()), lr=0.01)
    net.train()
    for _ in range(3):
        x, labels = heard.draw(4, max(heard.lengths)), torch.tensor([0, 1, 2, 3])
        loss = torch.nn.functional.cross_entropy(net(x, torch.tensor([max(heard.lengths)] * 4)), labels)
        optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:  # not where all is frozen
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", NETS.names)
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_frozen_tensors_stay_and_the_rest_moves(name: str, share: float) -> None:
    """The first layers that hold tensors are frozen, as many as `share` says; all but the last are loaded."""
    source, net, heard = built(name, seed=1), built(name, seed=2), INPUTS.get(name, Input())
    three_steps(source, heard)
    layers = list(dict.fromkeys(layer_of(tensor) for tensor in source.state_dict()))
    frozen = tuple(layers[: round(share * len(layers))])
    loaded = tuple(layers) if share == 1.0 else tuple(layers[:-1])
    check_three_steps(source, net, Plan(load=loaded, freeze=frozen), heard)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", NETS.names)
@pytest.mark.parametrize("row", [name for name in PLANS if uses_groups(name)])
def test_every_plan_of_groups_does_what_it_says_to_every_network(name: str, row: str) -> None:
    source, net, heard = built(name, seed=1), built(name, seed=2), INPUTS.get(name, Input())
    three_steps(source, heard)
    check_three_steps(source, net, named_plan(row, NETS.get(name)(**TINY.get(name, {})).groups), heard)


def constants(net: Network) -> set[str]:
    """Return the tensors that no training changes: buffers other than the statistics of batch normalisation."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return {name for name, _ in net.named_buffers() if not name.endswith(statistics)}


def check_three_steps(source: Network, net: Network, asked: Plan, heard: Input) -> None:
    state = source.state_dict()
    weights = SourceWeights("source", {tensor: values.numpy().copy() for tensor, values in state.items()})
    transferred = transfer_into(net, weights, asked)
    before: dict[str, Any] = copy.deepcopy(net.state_dict())
    three_steps(net, heard)
    transferred.freezer.check()
    moved = {tensor for tensor, values in net.state_dict().items() if not torch.equal(values, before[tensor])}
    assert moved == set(transferred.report.names("tuned", "fresh")) - constants(net)
    assert all(torch.equal(before[tensor], state[tensor]) for tensor in transferred.report.names("frozen", "tuned"))
    assert {layer_of(tensor) for tensor in transferred.report.names("frozen")} == set(asked.freeze)
    assert {layer_of(tensor) for tensor in transferred.report.names("frozen", "tuned")} == set(asked.load)
