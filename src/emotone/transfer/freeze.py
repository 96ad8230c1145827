"""Frozen tensors, which training does not change, including the statistics of batch normalisations."""

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
    """Freezes tensors of a network permanently, whatever mode the network is put in.

    A frozen parameter requires no gradient, so optimizers skip it, including weight decay. A module whose tensors are
    all frozen is permanently in eval mode, with its submodules: batch normalisation uses its running statistics
    without updating them, and dropout is inactive. `net.train()` does not change that, nor does copying the network.
    Dropout between a frozen layer and a trainable one is not part of a frozen module and remains active.

    Args:
        net: modified in place.
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
        """Return the modules whose tensors are all frozen, with their submodules."""
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
        """Raise `RunError` if a frozen tensor has changed by a single bit."""
        now = self._take()
        changed = [name for name in self.names if now[name] != self._fingerprints[name]]
        if changed:
            raise RunError(f"frozen tensors have changed: {', '.join(changed)}; the training did not keep them frozen")


def _stay_in_eval(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001 - the signature of torch
    """Replace `module.train`."""
    return nn.Module.train(module, mode=False)


def _fingerprint(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
