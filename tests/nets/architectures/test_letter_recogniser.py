"""Settings of the recognisers of letters that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from emotone.errors import ConfigError
from emotone.nets.architectures.letter_recogniser import LetterRecogniser


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "gro"}, "unknown kind 'gro'; did you mean 'gru'"),
        ({"layer": 0}, "has the layers 1 to .; given 0"),
        ({"units": 7}, "needs an even number of units, 2 or more; given 7"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LetterRecogniser(**settings)
