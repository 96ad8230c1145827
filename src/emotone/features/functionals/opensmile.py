"""The openSMILE feature sets, the standard baselines of the field.

openSMILE is free for research, private use and teaching; products need a licence from audEERING. emotone calls the
package `opensmile` if it is installed, and contains no part of it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from emotone.errors import TooShortError, missing_extra

if TYPE_CHECKING:
    from emotone.types import Array, Hertz

FeatureSet: TypeAlias = Literal["IS09", "IS10", "eGeMAPSv02", "ComParE_2016"]


@dataclass(frozen=True)
class OpenSmile:
    """Functionals of a whole recording, as the package `opensmile` computes them at 16 kHz.

    Attributes:
        feature_set: "IS09" (384 values), "IS10" (1,582), "eGeMAPSv02" (88) or "ComParE_2016" (6,373).

    References:
        IS09: Schuller, Steidl, Batliner, "The Interspeech 2009 Emotion Challenge". IS10: Schuller et al., "The
        Interspeech 2010 Paralinguistic Challenge". eGeMAPS: Eyben et al., "The Geneva Minimalistic Acoustic Parameter
        Set", IEEE Trans. Affective Computing 7(2), 2016. ComParE: Schuller et al., "The Interspeech 2016 Computational
        Paralinguistics Challenge".

    """

    version: ClassVar[int] = 1

    feature_set: FeatureSet = "IS10"

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        return 16000

    @property
    def names(self) -> tuple[str, ...]:
        """openSMILE's names, in its order."""
        return tuple(_smile(self.feature_set).feature_names)

    def compute(self, signal: Array) -> Array:
        """Return the vector [values] float32 of a signal [time].

        Raises:
            TooShortError: openSMILE returns no finite value for so short a signal.
            MissingExtraError: the package `opensmile` is not installed.

        """
        smile = _smile(self.feature_set)
        with warnings.catch_warnings():
            # It warns of signals shorter than a window; below, they raise an error.
            warnings.filterwarnings("ignore", message="Segment too short", category=UserWarning)
            vector = np.asarray(smile.process_signal(signal, self.rate).to_numpy(np.float32)[0])
        if not np.isfinite(vector).all():
            seconds = len(signal) / self.rate
            raise TooShortError(f"too short for openSMILE's {self.feature_set}: {seconds:.3f} s")
        return vector


@lru_cache(maxsize=4)  # making one reads its configuration files
def _smile(feature_set: FeatureSet) -> Any:
    try:
        import opensmile
    except ImportError as error:
        raise missing_extra("opensmile", "baselines", "the openSMILE functionals") from error
    return opensmile.Smile(feature_set=opensmile.FeatureSet[feature_set])


FUNCTIONALS = OpenSmile
