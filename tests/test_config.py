"""Settings, registries, types and errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping  # noqa: TC003 - read at run time, as type hints of a spec are
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from emotone import errors
from emotone.config import from_mapping, read_toml, signature, to_mapping
from emotone.errors import (
    AudioError,
    ConfigError,
    EmotoneError,
    UnknownNameError,
    UsageError,
    missing_extra,
    unknown_name,
)
from emotone.registry import Registry
from emotone.types import Fold, Utterance

# ----------------------------------------------------------------------------------------------------------------------
# Frozen dataclasses to and from TOML: wrong keys and values are refused with their place.

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Net:
    """A spec inside a spec."""

    name: str = "cnn"
    channels: tuple[int, ...] = (8, 16)


@dataclass(frozen=True)
class Recipe:
    """One field of every kind."""

    name: str
    seed: int
    rate: float = 0.5
    balanced: bool = True
    mode: Literal["mean", "max"] = "mean"
    limit: int | None = None
    size: int | str = 1
    net: Net = field(default_factory=Net)
    weights: Mapping[str, float] = field(default_factory=dict)
    nets: tuple[Net, ...] = ()
    extra: Any = None


def recipe(**values: object) -> Recipe:
    return from_mapping(Recipe, {"name": "r", "seed": 1, **values}, where="r.toml")


def test_defaults_fill_what_is_not_given() -> None:
    assert recipe() == Recipe("r", 1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rate": 2}, Recipe("r", 1, rate=2.0)),
        ({"mode": "max"}, Recipe("r", 1, mode="max")),
        ({"limit": 3}, Recipe("r", 1, limit=3)),
        ({"limit": None}, Recipe("r", 1)),
        ({"size": "large"}, Recipe("r", 1, size="large")),
        ({"net": {"channels": [4]}}, Recipe("r", 1, net=Net(channels=(4,)))),
        ({"weights": {"anger": 2}}, Recipe("r", 1, weights={"anger": 2.0})),
        ({"nets": [{}, {"name": "lstm"}]}, Recipe("r", 1, nets=(Net(), Net("lstm")))),
        ({"extra": [1, "two"]}, Recipe("r", 1, extra=[1, "two"])),
    ],
)
def test_values_of_every_kind(values: dict[str, object], expected: Recipe) -> None:
    found = recipe(**values)
    assert found == expected
    assert isinstance(found.rate, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sede": 1}, "r.toml: unknown key 'sede'; did you mean 'seed'"),
        ({"net": {"channel": [1]}}, "r.toml: net: unknown key 'channel'; did you mean 'channels'"),
        ({"nets": [{"nam": "x"}]}, "r.toml: nets: unknown key 'nam'; did you mean 'name'"),
        ({"seed": "1"}, "r.toml: seed: a value of type int was expected, '1' was given"),
        ({"seed": 1.0}, "r.toml: seed: a value of type int was expected, 1.0 was given"),
        ({"seed": True}, "r.toml: seed: a value of type int was expected, True was given"),
        ({"rate": True}, "r.toml: rate: a value of type float was expected, True was given"),
        ({"rate": float("nan")}, "r.toml: rate: a finite number was expected, nan was given"),
        ({"rate": float("-inf")}, "r.toml: rate: a finite number was expected, -inf was given"),
        ({"rate": 10**400}, "r.toml: rate: a finite number was expected, 1000"),
        ({"balanced": 1}, "r.toml: balanced: a value of type bool was expected, 1 was given"),
        ({"mode": "maxx"}, "r.toml: mode: unknown value 'maxx'; did you mean 'max'"),
        ({"limit": "3"}, "r.toml: limit: a value of type int was expected, '3' was given"),
        ({"size": 1.5}, "r.toml: size: a value of type int was expected, 1.5 was given"),
        ({"net": "cnn"}, "r.toml: net: a table was expected, 'cnn' was given"),
        ({"net": {"channels": 4}}, "r.toml: net: channels: a list was expected, 4 was given"),
        ({"net": {"channels": "48"}}, "r.toml: net: channels: a list was expected, '48' was given"),
        ({"net": {"channels": ["4"]}}, "r.toml: net: channels: a value of type int was expected, '4' was given"),
        ({"weights": [1]}, r"r.toml: weights: a table was expected, \[1\] was given"),
        ({"weights": {"anger": "2"}}, "r.toml: weights.anger: a value of type float was expected, '2' was given"),
    ],
)
def test_wrong_keys_and_values_are_refused_with_their_place(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        recipe(**values)


def test_missing_keys_are_listed() -> None:
    with pytest.raises(ConfigError, match=r"^r.toml: missing name, seed$"):
        from_mapping(Recipe, {}, where="r.toml")


specs = st.builds(
    Recipe,
    name=st.text(st.characters(codec="utf-8"), max_size=5),
    seed=st.integers(-(2**40), 2**40),
    rate=st.floats(allow_nan=False, allow_infinity=False),
    balanced=st.booleans(),
    mode=st.sampled_from(("mean", "max")),
    limit=st.none() | st.integers(0, 9),
    net=st.builds(Net, channels=st.lists(st.integers(0, 9), max_size=3).map(tuple)),
    weights=st.dictionaries(st.sampled_from(("anger", "joy")), st.floats(0, 1)),
)


@given(specs)
def test_there_and_back_through_toml(spec: Recipe) -> None:
    text = tomli_w.dumps(to_mapping(spec))
    again = from_mapping(Recipe, tomllib.loads(text), where="text")
    assert again == spec
    assert signature(again) == signature(spec)


def test_none_is_left_out_because_toml_has_no_null() -> None:
    assert "limit" not in to_mapping(Recipe("r", 1))
    assert to_mapping(Recipe("r", 1, nets=(Net(),)))["nets"] == [{"name": "cnn", "channels": [8, 16]}]


def test_every_setting_is_written_with_its_default_too() -> None:
    assert to_mapping(Net()) == {"name": "cnn", "channels": [8, 16]}
    assert signature(Net()) == signature({"name": "cnn", "channels": [8, 16]})


def test_a_signature_names_content_not_order_or_container() -> None:
    assert signature({"a": 1, "b": (2, 3)}) == signature({"b": [2, 3], "a": 1})
    assert signature(Recipe("r", 1)) != signature(Recipe("r", 2))
    assert signature(Recipe("r", 1), "more") != signature(Recipe("r", 1))
    assert len(signature("x")) == 12


def test_a_signature_is_the_same_in_another_process() -> None:
    code = "from emotone.config import signature; print(signature({'a': [1, 0.5, 'ä', None, True]}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == signature({"a": [1, 0.5, "ä", None, True]})


def test_a_number_without_a_value_has_no_signature() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        signature({"rate": float("nan")})


def test_values_without_a_plain_form_have_no_signature() -> None:
    with pytest.raises(TypeError, match="set"):
        signature({1, 2})


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('name = "ä"\n[net]\nchannels = [1]\n', encoding="utf-8")
    assert read_toml(path) == {"name": "ä", "net": {"channels": [1]}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = \n", r"r.toml is not valid TOML: .*line 1"),
        (b"a = 1\na = 2", r"r.toml is not valid TOML"),
        (b'name = "\xff"', r"r.toml is not valid TOML: it is not UTF-8 text"),
    ],
)
def test_a_file_that_is_not_toml(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_toml(path)


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read .*none.toml: No such file or directory"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"can't read .*: Is a directory"):
        read_toml(tmp_path)


# ----------------------------------------------------------------------------------------------------------------------
# A new file is registered; nothing else has to be edited.

PACKAGE = "toy_package_of_the_registry_test"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[str]]:
    package = tmp_path / PACKAGE
    (package / "sub").mkdir(parents=True)
    (package / "sub" / "__init__.py").write_text("TOY = 'toy with a folder of its own'")
    for name, text in {
        "__init__": "MEMBERS = {'red': 'colours.RED', 'dark-blue': 'colours.BLUE'}",
        "colours": "RED, BLUE = 'red toy', 'blue toy'",
        "_private": "",
        "plain": "TOY = 'plain toy'",
        "two_words": "TOY = 'toy of two words'",
        "broken": "raise RuntimeError('imported')",
    }.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Registry("toy", PACKAGE, "TOY")
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_members_are_public_modules_and_packages(registry: Registry[str]) -> None:
    # That "broken" is listed also shows that listing imports no member.
    assert registry.names == ("broken", "dark-blue", "plain", "red", "sub", "two-words")
    assert registry.get("sub") == "toy with a folder of its own"


def test_a_member_is_found_by_the_name_that_users_write(registry: Registry[str]) -> None:
    assert registry.get("two-words") == "toy of two words"


def test_members_may_share_a_module_that_is_no_member_itself(registry: Registry[str]) -> None:
    assert (registry.get("red"), registry.get("dark-blue")) == ("red toy", "blue toy")


@pytest.mark.parametrize("name", ["two_words", "_private", "Plain", "colours"])
def test_other_names_are_unknown(registry: Registry[str], name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown toy '{name}'"):
        registry.get(name)


def test_an_unknown_name_has_a_suggestion(registry: Registry[str]) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'plain'"):
        registry.get("plian")


def test_all_members_by_name(registry: Registry[str], tmp_path: Path) -> None:
    (tmp_path / PACKAGE / "broken.py").unlink()
    assert set(registry.all()) == {"dark-blue", "plain", "red", "sub", "two-words"}
    assert registry.all()["two-words"] == "toy of two words"


def test_a_file_without_the_attribute_is_a_mistake_of_ours(registry: Registry[str], tmp_path: Path) -> None:
    (tmp_path / PACKAGE / "empty.py").write_text("")
    with pytest.raises(AttributeError, match="TOY"):
        registry.get("empty")


# ----------------------------------------------------------------------------------------------------------------------
# The records that cross floors.


def clip(corpus: str = "emodb") -> Utterance:
    return Utterance("03a01Fa", corpus, Path("03a01Fa.wav"), 0.0, None, "03", "03", "happiness")


def test_keys_are_unique_over_corpora() -> None:
    assert clip().key == "emodb/03a01Fa"
    assert clip().speaker_key == "emodb/03"
    assert clip("other").key != clip().key


def test_records_are_frozen_values() -> None:
    assert clip() == clip()
    with pytest.raises(FrozenInstanceError):
        clip().label = "anger"  # type: ignore[misc]
    assert len({Fold("f", ("a",), (), ("b",)), Fold("f", ("a",), (), ("b",))}) == 1


def test_extras_are_not_shared() -> None:
    assert clip().extras == {}
    assert clip().extras is not clip().extras


# ----------------------------------------------------------------------------------------------------------------------
# Messages say what was given, what is allowed, and the nearest valid name.

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
