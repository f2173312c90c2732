"""Bytes that live while code runs on tensors that have a shape and no memory."""

from __future__ import annotations

import contextlib
import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of every storage that is made while it is entered, until that is freed.

    Attributes
    ----------
    now
        Bytes that live.
    most
        The most that lived at once.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.most = 0
        self._known: set[int] = set()

    def leave_out(self, tensors: Iterable[torch.Tensor]) -> None:
        """Do not count what these tensors hold: parameters are counted apart."""
        for tensor in tensors:
            self._know(tensor.untyped_storage())

    def forget_most(self) -> None:
        """Begin again to look for the most."""
        self.most = self.now

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 an operator
        types: Any,  # noqa: ANN401 as torch calls it
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 what the operator returns
        found = func(*args, **(kwargs or {}))
        for one in tree_leaves(found):
            if isinstance(one, torch.Tensor):
                self._count(one.untyped_storage())
        return found

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self._known:  # noqa: SLF001 what tells storages apart
            return
        size = storage.nbytes()
        self.now += size
        self.most = max(self.most, self.now)
        self._know(storage, size)

    def _know(self, storage: torch.UntypedStorage, size: int = 0) -> None:
        self._known.add(storage._cdata)  # noqa: SLF001 as above
        weakref.finalize(storage, self._free, storage._cdata, size)  # noqa: SLF001 as above

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


@contextlib.contextmanager
def without_memory() -> Iterator[LiveBytes]:
    """Make tensors that hold nothing while the block runs, and count what they would hold."""
    with FakeTensorMode(allow_non_fake_inputs=True), LiveBytes() as watch:
        yield watch


def made_fake(module: torch.nn.Module, watch: LiveBytes) -> torch.nn.Module:
    """Give a module parameters that hold nothing, in place; inside `without_memory`.

    Parameters
    ----------
    module
        Of any device, as a rule of `meta`.
    watch
        Which is not to count them.
    """
    module.to_empty(device="cpu")
    watch.leave_out([*module.parameters(), *module.buffers()])
    return module


class Course:
    """What a piece of a network holds while it runs forward and backward.

    Attributes
    ----------
    kept
        Bytes for the backward pass, its output among them, and its input where nothing else holds that.
    forward, backward
        The most at once in each pass, over what lived when the pieces before it had run.
    """

    def __init__(self, kept: int, forward: int, backward: int) -> None:
        self.kept = kept
        self.forward = forward
        self.backward = backward


def course_of(
    piece: Callable[[torch.Tensor], torch.Tensor],
    shape: tuple[int, ...],
    kind: torch.dtype,
    watch: LiveBytes,
) -> Course:
    """Run a piece once and twice in a row, and return what one of them adds.

    Parameters
    ----------
    piece
        Takes and gives a tensor of this shape and type.
    shape, kind
        Of its input.
    watch
        From `without_memory`, which is entered.
    """
    first, second = (_run(piece, shape, kind, watch, times) for times in (1, 2))
    size = torch.Size(shape).numel() * kind.itemsize
    return Course(second[0] - first[0], first[1] - size, first[2] - size)


def _run(
    piece: Callable[[torch.Tensor], torch.Tensor],
    shape: tuple[int, ...],
    kind: torch.dtype,
    watch: LiveBytes,
    times: int,
) -> tuple[int, int, int]:
    """Return bytes kept, and the most of both passes, over what lived before."""
    leaf = torch.empty(shape, dtype=kind, requires_grad=True)
    watch.leave_out([leaf])
    before = watch.now
    watch.forget_most()
    value = leaf * 1
    for _ in range(times):
        value = piece(value)
    kept, forward = watch.now - before, watch.most - before
    watch.forget_most()
    torch.autograd.backward(value, torch.empty_like(value))
    backward = watch.most - before
    return kept, forward, backward
