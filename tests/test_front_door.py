"""`import emotone`: few names, each imported when first asked for."""

from __future__ import annotations

import pytest

import emotone


@pytest.mark.parametrize("name", emotone.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(emotone, name) is not None
    assert name in dir(emotone)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'emotone' has no attribute 'lod'"):
        emotone.lod  # noqa: B018


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(emotone), "load", raising=False)
    assert emotone.load is vars(emotone)["load"]
