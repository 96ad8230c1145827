"""The LSTM over chunks: the same numbers chunk by chunk and at once, in both directions, and for padded items."""

from __future__ import annotations

import pytest
import torch

from emotone.nets.blocks.chunk import Chunks, ContextLstm, EncoderChunks, FlatChunks, LastStepClassifier
from emotone.nets.blocks.segments import SegmentCutter


def test_chunk_by_chunk_gives_the_outputs_of_all_chunks_at_once() -> None:
    block = ContextLstm(5, 4, bidirectional=False)
    x = torch.randn(2, 9, 5)
    expected, _ = block(x, None)
    state = None
    for place in range(x.shape[1]):
        y, state = block.step(x[:, place], state)
        torch.testing.assert_close(y, expected[:, place])


def test_an_output_depends_on_the_chunks_so_far_only() -> None:
    block = ContextLstm(3, 4, bidirectional=False)
    x = torch.randn(1, 6, 3)
    torch.testing.assert_close(block(x[:, :4], None)[0], block(x, None)[0][:, :4])


def test_the_other_direction_reads_an_items_own_chunks_backwards() -> None:
    block = ContextLstm(3, 4, bidirectional=True)
    assert block.back is not None
    x = torch.randn(1, 5, 3)
    padded = torch.cat([x, torch.full((1, 3, 3), 9.0)], dim=1)
    y, lengths = block(padded, torch.tensor([5]))
    assert lengths is not None
    assert lengths.tolist() == [5]
    backwards = block.back(x.flip(1))[0].flip(1)
    torch.testing.assert_close(y[:, :5, 4:], backwards)
    torch.testing.assert_close(y[:, :5], block(x, None)[0])
    assert (y[:, 5:] == 0).all()


def test_both_directions_have_no_steps() -> None:
    with pytest.raises(ValueError, match="needs all chunks"):
        ContextLstm(3, 4, bidirectional=True).step(torch.zeros(1, 3), None)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_outputs_are_classified(bidirectional: bool) -> None:
    block = LastStepClassifier(4, bidirectional=bidirectional, classes=3, dropout=0.0)
    x = torch.randn(2, 5, 8 if bidirectional else 4)
    values = [torch.cat([x[item, last, :4], x[item, 0, 4:]]) for item, last in ((0, 4), (1, 2))]
    expected = block.output(torch.stack(values))
    torch.testing.assert_close(block(x, torch.tensor([5, 3]))[0], expected)
    torch.testing.assert_close(block(x, None)[0][0], expected[0])


def test_chunks_that_no_item_has_are_removed_where_gradients_are_computed() -> None:
    block = Chunks(rows=4, silence=-9.0)
    x, lengths = torch.randn(2, 20, 3), torch.tensor([5, 9])
    whole, counts = SegmentCutter(rows=4, hop=4, silence=-9.0, drop=0.0, placement="grid")(x, lengths)
    cut, cut_counts = block(x, lengths)
    assert cut.shape[1] == 3
    assert torch.equal(cut, whole[:, :3])
    assert counts is not None
    assert cut_counts is not None
    assert cut_counts.tolist() == counts.tolist() == [2, 3]
    with torch.inference_mode():
        assert torch.equal(block(x, lengths)[0], whole)


def test_raw_chunks_are_all_their_values() -> None:
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(FlatChunks()(x, None)[0], x.reshape(2, 3, 20))


def test_outputs_of_an_encoder_are_averaged_over_layers_and_chunks() -> None:
    block = EncoderChunks(step=20, chunk=512)
    x = torch.randn(2, 3, 60, 4)  # 1.2 s: chunks start with the steps 0, 26 and 52, which is the first after 1.024 s
    means = x.mean(dim=1)
    y, lengths = block(x, torch.tensor([60, 30]))
    assert lengths is not None
    assert lengths.tolist() == [3, 2]
    torch.testing.assert_close(
        y[0], torch.stack([means[0, :26].mean(0), means[0, 26:52].mean(0), means[0, 52:].mean(0)])
    )
    torch.testing.assert_close(y[1, :2], torch.stack([means[1, :26].mean(0), means[1, 26:30].mean(0)]))
    assert not y[1, 2].any()
    torch.testing.assert_close(block(x, None)[0][0], y[0])
