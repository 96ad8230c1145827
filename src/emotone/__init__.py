"""emotone: speech emotion recognition by transfer learning.

The package logs below the logger `emotone`: INFO states models and results, DEBUG how recordings are decoded.

Example:
    >>> import emotone
    >>> model = emotone.load("default")  # doctest: +SKIP
    >>> model.predict("call.wav").clip.label  # doctest: +SKIP
    'anger'

"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError

if TYPE_CHECKING:
    from emotone.inference.model import Model, load, predict, predict_many
    from emotone.inference.result import Failure, Prediction
    from emotone.inference.segments import Clip, Segment, UtteranceSegment
    from emotone.inference.session import Session

__version__ = "0.1.0"
__all__ = [
    "Clip",
    "EmotoneError",
    "Failure",
    "Model",
    "Prediction",
    "Segment",
    "Session",
    "UtteranceSegment",
    "__version__",
    "load",
    "predict",
    "predict_many",
]

# Imported when first asked for, so that `import emotone` costs next to nothing.
_LAZY = {
    **dict.fromkeys(("Model", "load", "predict", "predict_many"), "emotone.inference.model"),
    **dict.fromkeys(("Failure", "Prediction"), "emotone.inference.result"),
    **dict.fromkeys(("Clip", "Segment", "UtteranceSegment"), "emotone.inference.segments"),
    "Session": "emotone.inference.session",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'emotone' has no attribute '{name}'")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
