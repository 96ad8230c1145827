"""A patch of one size for nets that take any length. Conventions as in `emotone.nets.blocks.mobilenet`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.nets.blocks.image import Patch

if TYPE_CHECKING:
    from torch import Tensor

    from emotone.nets.blocks.mobilenet import Image


class PatchImage(Patch):
    """The first rows of each item as an image of one size: [batch, time, bands] -> [batch, 1, bands, rows].

    Args:
        image: makes the image of rows.
        rows: of the patch. What lies behind them is not heard.
        silence: a value of the front end's rows where nothing sounds; rows that an item lacks are filled with it.

    """

    def __init__(self, image: Image, *, rows: int, silence: float) -> None:
        super().__init__(rows=rows, silence=silence)
        self.image = image

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the image; lengths are used up, so None comes back."""
        patch, none = super().forward(x, lengths)
        made: tuple[Tensor, Tensor | None] = self.image(patch[:, 0], none)
        return made
