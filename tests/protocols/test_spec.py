"""Specifications of protocols: the record and its short spelling are two forms of one thing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import UnknownNameError, UsageError
from emotone.protocols import ProtocolSpec, protocol

BASES = (
    "random-5",
    "speaker-folds-10",
    "leave-one-speaker-out",
    "random-8-1-1",
    "emodb-audeering",
    "fixed:my-a+b.toml",
)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("random-5", ProtocolSpec("random-5")),
        ("random-5+speaker-scaled", ProtocolSpec("random-5", scaling="speaker")),
        ("random-5@50", ProtocolSpec("random-5", train_clips=50)),
        ("onto-emodb-random-5", ProtocolSpec("random-5", target="emodb")),
        ("onto-crema-d-random-8-1-1", ProtocolSpec("random-8-1-1", target="crema-d")),
        ("onto-emodb-emodb-audeering", ProtocolSpec("emodb-audeering", target="emodb")),
        (
            "onto-my-calls-leave-one-speaker-out-session-dev@7+speaker-scaled",
            ProtocolSpec("leave-one-speaker-out-session-dev", target="my-calls", train_clips=7, scaling="speaker"),
        ),
        ("fixed:a-b/c+d.toml@9", ProtocolSpec("fixed:a-b/c+d.toml", train_clips=9)),
        ("onto-emodb-fixed:a-b.toml", ProtocolSpec("fixed:a-b.toml", target="emodb")),
        ("emobox:C:\\EmoBox:emodb@50", ProtocolSpec("emobox:C:\\EmoBox:emodb", train_clips=50)),
    ],
)
def test_a_name_is_parsed_and_printed(name: str, spec: ProtocolSpec) -> None:
    assert ProtocolSpec.parse(name) == spec
    assert str(spec) == name


@given(
    base=st.sampled_from(BASES),
    target=st.none() | st.from_regex(r"[a-z]+(-[a-z]+)?", fullmatch=True),
    clips=st.none() | st.integers(2, 10_000),
    scaled=st.booleans(),
)
def test_printing_and_parsing_are_inverse(base: str, target: str | None, clips: int | None, scaled: bool) -> None:
    spec = ProtocolSpec(base, target=target, train_clips=clips, scaling="speaker" if scaled else "train")
    assert ProtocolSpec.parse(str(spec)) == spec


def test_a_record_gives_the_same_protocol_as_its_name() -> None:
    spec = ProtocolSpec("random-5", target="emodb", train_clips=50)
    assert protocol(spec) == protocol("onto-emodb-random-5@50")
    assert protocol(spec).spec == spec


def test_numbers_are_printed_without_leading_zeros() -> None:
    assert protocol("onto-emodb-random-05@050").name == "onto-emodb-random-5@50"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_clips": 1}, "'random-5@1' leaves 1 clips to train on; give 2 or more"),
        ({"target": ""}, "the target of a protocol is empty"),
        ({"scaling": "none"}, r"unknown scaling 'none'.*Allowed: speaker, train"),
    ],
)
def test_fields_out_of_range_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ProtocolSpec("random-5", **fields)


def test_an_unknown_base_of_a_record_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown protocol 'random-5@50'"):
        protocol(ProtocolSpec("random-5@50"))
