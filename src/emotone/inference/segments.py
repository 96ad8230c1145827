"""Segments as arrays, for hours of audio; items are made when they are accessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from emotone.bundles.detector import decide_label
from emotone.inference.result import TIME_DIGITS, Segment, rounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Segments(Sequence[Segment]):
    """The segments of one recording, as a sequence.

    Attributes:
        labels: emotion names in the order of the probabilities.
        thresholds: by label, as of a bundle.
        starts: seconds [segments].
        ends: seconds [segments].
        probabilities: [segments, labels].
        outputs: of the network [segments, values]: embeddings if the bundle has a head, otherwise logits.

    """

    labels: tuple[str, ...]
    thresholds: Mapping[str, float]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    outputs: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Segment: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Segment]: ...
    def __getitem__(self, index: int | slice) -> Segment | Sequence[Segment]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        by_label = rounded(self.probabilities[index], labels=self.labels)
        return Segment(
            start=round(float(self.starts[index]), TIME_DIGITS),
            end=round(float(self.ends[index]), TIME_DIGITS),
            label=decide_label(by_label, self.thresholds)[0],
            probabilities=by_label,
        )

    def __iter__(self) -> Iterator[Segment]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_equal, self, other))

    __hash__ = None  # type: ignore[assignment]  # arrays can change

    def __repr__(self) -> str:
        return f"<{len(self)} segment{'' if len(self) == 1 else 's'}>"

    @classmethod
    def joined(cls, parts: Sequence[Segments]) -> Segments:
        """Return the segments of consecutive parts of one recording, at least one part."""
        import numpy as np

        if len(parts) == 1:
            return parts[0]
        columns = ("starts", "ends", "probabilities", "outputs")
        arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in columns)
        return cls(parts[0].labels, parts[0].thresholds, *arrays)


def _equal(one: Segment, other: object) -> bool:
    return one == other
