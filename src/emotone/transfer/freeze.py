"""Tensors that training leaves as they are, statistics of batch normalisations among them."""

from __future__ import annotations

import hashlib
from types import MethodType
from typing import TYPE_CHECKING

from torch import nn

from emotone.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor


class Freezer:
    """Keeps tensors of a net as they are, from now on and whatever mode the net is put in.

    A frozen parameter asks for no gradient, so that optimisers pass it over, weight decay included. A module all of
    whose tensors are frozen is in eval mode for good, with everything inside it: its batch normalisation uses its
    running statistics and leaves them, its dropout drops nothing. `net.train()` does not change that, in a copy of
    the net neither. A dropout between a frozen layer and one that learns belongs to none of the frozen: it goes on.

    Args:
        net: changed in place.
        names: of parameters and buffers, as in the net's `state_dict`.

    """

    def __init__(self, net: nn.Module, names: Iterable[str]) -> None:
        self.net = net
        self.names = tuple(names)
        frozen = set(self.names)
        for name, parameter in net.named_parameters():
            if name in frozen:
                parameter.requires_grad_(False)
        for module in self._modules(frozen):
            module.__dict__["train"] = MethodType(_stay_in_eval, module)
            module.eval()
        self._fingerprints = self._take()

    def _modules(self, frozen: set[str]) -> list[nn.Module]:
        """Return the modules that hold tensors, all of which are frozen, and what lies in them."""
        found: dict[nn.Module, None] = {}
        for name, module in self.net.named_modules():
            tensors = {f"{name}.{inner}".removeprefix(".") for inner in module.state_dict()}
            if tensors and tensors <= frozen:
                found.update(dict.fromkeys(module.modules()))
        return list(found)

    def _take(self) -> dict[str, str]:
        tensors = self.net.state_dict()
        return {name: _fingerprint(tensors[name]) for name in self.names}

    def check(self) -> None:
        """Raise `RunError` where a frozen tensor is no longer what it was, bit for bit."""
        now = self._take()
        moved = [name for name in self.names if now[name] != self._fingerprints[name]]
        if moved:
            raise RunError(
                f"frozen tensors have changed: {', '.join(moved)}; what trained them did not keep them frozen"
            )


def _stay_in_eval(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001 - called as torch's own
    """Stand in for `module.train`."""
    return nn.Module.train(module, mode=False)


def _fingerprint(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
