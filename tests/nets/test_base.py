"""Architectures are found by name, without torch; building one without torch names the extra."""

from __future__ import annotations

import subprocess
import sys

import pytest

from emotone.errors import MissingExtraError, UnknownNameError
from emotone.nets.base import NETS, require_torch


def test_an_unknown_network_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown network 'logmel-cnn'; did you mean 'log-mel-cnn'\?"):
        NETS.get("logmel-cnn")


@pytest.mark.parametrize("name", NETS.names)
def test_without_torch_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"building a network needs the package 'torch'.*emotone\[train\]"):
        NETS.get(name)().build(64, 4)


def test_torch_is_here() -> None:
    require_torch("this test")


def test_architectures_are_listed_without_importing_torch() -> None:
    code = "import sys; from emotone.nets.base import NETS; NETS.all(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
