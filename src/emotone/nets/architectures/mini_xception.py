"""mini-Xception: the expression of a face of 64 x 64 grey pixels, with 58,000 parameters; published weights exist.

The input is rows of `audio-visual`, of which it reads the face.

Reference: Arriaga, Valdenegro-Toro, Plöger, Real-time convolutional neural networks for emotion and gender
classification, ESANN 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from emotone.nets.base import CHUNK_ROWS, check_face, check_face_rows, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network

FILTERS = 8  # of the first two convolutions
MODULES = (8, 16, 32, 64, 128)  # inputs of the modules, and outputs of the last one


@dataclass(frozen=True)
class MiniXception:
    """Two convolutions, four modules of separable convolutions, scores averaged over the image.

    Attributes:
        size: of the face in pixels.
        offset: of the front end; its logarithm is the value where there is no face.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "mini-Xception on faces of 64 x 64 pixels, with published weights"
    paper: ClassVar[str] = "Real-time convolutional neural networks for emotion and gender classification, 2019"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("conv1",),
        ("conv2", "module1", "module2"),
        ("module3", "module4"),
        ("classifier",),
    )

    size: int = 32
    offset: float = 1e-5

    def __post_init__(self) -> None:
        check_face("mini-xception", size=self.size, channels=1, offset=self.offset)

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`); raise `ConfigError` for rows of another size of face."""
        check_face_rows("mini-xception", dimension, size=self.size, channels=1)
        require_torch("building a network")
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.image import FaceImage, ImageClassifier, NormConv, XceptionModule
        from emotone.nets.blocks.patch import Patch

        modules = enumerate(pairwise(MODULES), start=1)
        return Network(
            {
                "chunk": Patch(rows=CHUNK_ROWS, silence=math.log(self.offset)),
                "face": FaceImage(rows=CHUNK_ROWS, size=self.size, channels=1),
                "conv1": NormConv(1, FILTERS, kernel=3),
                "conv2": NormConv(FILTERS, FILTERS, kernel=3),
                **{f"module{number}": XceptionModule(*sizes) for number, sizes in modules},
                "classifier": ImageClassifier(MODULES[-1], classes),
            }
        )


NET = MiniXception
