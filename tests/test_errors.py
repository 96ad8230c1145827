"""Messages say what was given, what is allowed, and the nearest valid name."""

from __future__ import annotations

import pytest

from emotone import errors
from emotone.errors import AudioError, EmotoneError, UsageError, missing_extra, unknown_name

TREE = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, EmotoneError) and value is not EmotoneError
]


@pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)
def test_every_error_has_a_code_of_its_own(error: type[EmotoneError]) -> None:
    assert [other for other in TREE if other.code == error.code] == [error]
    assert error.code == error.code.lower()
    assert error.__doc__


def test_the_tree_tells_wrong_usage_from_a_bad_recording() -> None:
    assert not any(issubclass(error, UsageError) and issubclass(error, AudioError) for error in TREE)


@pytest.mark.parametrize(
    ("given", "allowed", "message"),
    [
        ("jsn", ["json", "csv"], "unknown format 'jsn'; did you mean 'json'? Allowed: csv, json"),
        ("zzz", ["json", "csv"], "unknown format 'zzz'. Allowed: csv, json"),
        ("", ["json"], "unknown format ''. Allowed: json"),
        ("json", [], "unknown format 'json'. Allowed: none"),
    ],
)
def test_an_unknown_name(given: str, allowed: list[str], message: str) -> None:
    error = unknown_name("format", given, allowed)
    assert str(error) == message
    assert isinstance(error, UsageError)


def test_an_unknown_name_among_a_generator() -> None:
    assert str(unknown_name("net", "cnm", (name for name in ["cnn"]))).endswith("Allowed: cnn")


def test_a_missing_extra_names_the_command_that_helps() -> None:
    message = str(missing_extra("av", "media", "decoding mp4"))
    assert message == "decoding mp4 needs the package 'av'; install it with: pip install 'emotone[media]'"
