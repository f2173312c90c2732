"""The pieces of a network, run without memory to see what each of them would hold."""

from __future__ import annotations

import sys
from copy import deepcopy
from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.checkpoint import checkpoint

from octomed.train import plan_attention
from octomed.train.attention import Documents
from octomed.train.build import text_configuration, vision_tower
from octomed.train.loss import weighted_cross_entropy
from octomed.train.network import decoder
from octomed.train.plan_watch import Course, course_of, made_fake, without_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Types:
    """How numbers are kept.

    Attributes
    ----------
    stream
        Of weights inside a layer, and of what flows from layer to layer.
    products
        Of matrix products: another than `stream` under autocast.
    fused
        Attention is one kernel for all documents; otherwise it is called a document at a time, and each call
        holds matrices of its length squared.
    documents
        Lengths of a microbatch's documents, where that matters.
    """

    stream: torch.dtype
    products: torch.dtype
    fused: bool
    documents: tuple[int, ...] = ()

    @property
    def autocast(self) -> bool:
        """Whether matrix products have a type of their own."""
        return self.stream != self.products


def layer_course(model: PreTrainedModel, tokens: int, types: Types, *, recomputed: bool) -> Course:
    """Return what a layer of the decoder holds.

    Parameters
    ----------
    model
        On the device `meta`; not changed.
    tokens
        Of a microbatch.
    types
        How numbers are kept.
    recomputed
        The layer is computed again in the backward pass.
    """
    inner, text = decoder(model), text_configuration(model.config)
    plan_attention.register()
    layer, rotary = (deepcopy(one).to(types.stream) for one in (inner.layers[0], inner.rotary_emb))
    for module in layer.modules():
        if hasattr(module, "config"):
            module.config = deepcopy(module.config)
            name = plan_attention.FUSED if types.fused else plan_attention.APART
            module.config._attn_implementation = name  # noqa: SLF001 what layers look up
    documents = _documents(types.documents or (tokens,))
    with without_memory() as watch:
        made_fake(layer, watch)
        made_fake(rotary, watch)
        shape = (1, tokens, text.hidden_size)
        places = torch.empty((3, 1, tokens) if vision_tower(model) is not None else (1, tokens))
        rotations = rotary(torch.empty(shape, dtype=types.stream), places.long())

        def piece(hidden: torch.Tensor) -> torch.Tensor:
            out = layer(hidden, position_embeddings=rotations, attention_mask=None, documents=documents)
            return out[0] if isinstance(out, tuple) else out

        return _course(piece, shape, types, watch, recomputed=recomputed)


def block_course(model: PreTrainedModel, patches: int, types: Types, *, recomputed: bool) -> Course:
    """Return what a block of the vision tower holds while it is trained; as `layer_course`, over patches."""
    tower: Any = vision_tower(model)
    block = deepcopy(tower.blocks[0]).to(types.stream)
    heads, width = block.attn.num_heads, tower.config.hidden_size
    rotate = sys.modules[type(block.attn).__module__].apply_rotary_pos_emb_vision
    with without_memory() as watch:
        made_fake(block, watch)
        cos, sin = (torch.empty(patches, width // heads) for _ in range(2))

        def attention(self: Any, hidden_states: torch.Tensor, **_: object) -> torch.Tensor:  # noqa: ANN401 a module
            parts = self.qkv(hidden_states).reshape(len(hidden_states), 3, heads, -1).unbind(1)
            query, key = rotate(parts[0], parts[1], cos, sin)
            attended = plan_attention.attend(query, key, parts[2])
            return self.proj(attended.reshape(len(hidden_states), -1))

        block.attn.forward = MethodType(attention, block.attn)
        return _course(
            lambda hidden: block(hidden, cu_seqlens=None),
            (patches, width),
            types,
            watch,
            recomputed=recomputed,
        )


def norm_course(model: PreTrainedModel, tokens: int, types: Types) -> Course:
    """Return what the norm behind the last layer holds."""
    norm = deepcopy(decoder(model).norm).to(types.stream)
    with without_memory() as watch:
        made_fake(norm, watch)
        shape = (1, tokens, text_configuration(model.config).hidden_size)
        return _course(norm, shape, types, watch, recomputed=False)


def loss_course(model: PreTrainedModel, learned: int, types: Types, tokens_at_once: int) -> Course:
    """Return what our loss holds, the output layer's gradient among that.

    Parameters
    ----------
    model
        On the device `meta`; not changed.
    learned
        Supervised tokens of a microbatch.
    types
        How numbers are kept.
    tokens_at_once
        Tokens whose logits exist at a time.
    """
    head: Any = model.lm_head
    with without_memory() as watch:
        weight = torch.empty(head.weight.shape, dtype=types.stream, requires_grad=head.weight.requires_grad)
        hidden = torch.empty((learned, weight.shape[1]), dtype=types.stream, requires_grad=True)
        watch.leave_out([weight, hidden])
        targets = torch.empty(learned, dtype=torch.int64)
        weights = torch.empty(
            learned, dtype=torch.float64 if types.stream == torch.float64 else torch.float32
        )
        before = watch.now
        watch.forget_most()
        with torch.autocast("cpu", dtype=types.products, enabled=types.autocast):
            loss = weighted_cross_entropy(hidden, weight, targets, weights, tokens_at_once=tokens_at_once)
        kept, forward = watch.now - before, watch.most - before
        watch.forget_most()
        backward: Any = loss.backward
        backward()
        return Course(kept, forward, watch.most - before)


def liger_course(model: PreTrainedModel, learned: int, types: Types) -> Course:
    """Return what Liger's fused loss holds: gradients of the output layer in float32, and a product of them.

    From its source and the figures of `bench/results`: it cannot run without a GPU.
    """
    head: Any = model.lm_head
    vocabulary, width = head.weight.shape
    size = types.products.itemsize
    of_weight = vocabulary * width if head.weight.requires_grad else 0
    of_hidden = learned * width * size
    stretch = 1 << max(0, -(-learned // -(-vocabulary // width)) - 1).bit_length()
    kept = of_hidden + of_weight * size
    return Course(kept, of_hidden + of_weight * (4 + size) + stretch * vocabulary * size, 2 * kept)


def compiled_course(model: PreTrainedModel, tokens: int, types: Types, *, recomputed: bool) -> Course:
    """Return what a layer holds that `torch.compile` has fused on a GPU.

    It keeps the residual stream, what goes into matrix products and attention, and what comes out of them
    where a norm or an activation comes next: the differences of `bench/results/train*.json` between shares
    of layers computed twice are this to half a percent.
    """
    text = text_configuration(model.config)
    layer = decoder(model).layers[0]
    size, product = types.stream.itemsize, types.products.itemsize
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    query, key = text.num_attention_heads * head, text.num_key_value_heads * head
    normed = query + key if hasattr(layer.self_attn, "q_norm") else 0
    stream = tokens * text.hidden_size * size
    kept = 2 * stream + tokens * 4 * text.num_attention_heads
    kept += tokens * (query + key) * size + tokens * (query + key + normed) * product
    kept += tokens * (2 * text.hidden_size + 3 * text.intermediate_size) * product
    weights = [one for one in layer.parameters() if one.ndim > 1]
    if types.autocast:
        kept += sum(one.numel() for one in weights) * product
    gradients = sum(one.numel() for one in layer.parameters() if one.requires_grad) * size
    backward = kept + gradients + stream + tokens * text.intermediate_size * product
    return Course(stream if recomputed else kept, kept, backward)


def _documents(lengths: tuple[int, ...]) -> Documents:
    """Return documents whose edges are known as numbers, as tensors without memory could not tell them."""
    edges = torch.tensor([0, *lengths]).cumsum(0).to(torch.int32)
    found = Documents(edges, max(lengths))
    assert found.edges  # asked for now, and kept
    return found


def _course(
    piece: Callable[[torch.Tensor], torch.Tensor],
    shape: tuple[int, ...],
    types: Types,
    watch: Any,  # noqa: ANN401 of `without_memory`
    *,
    recomputed: bool,
) -> Course:
    def again(hidden: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = checkpoint(piece, hidden, use_reentrant=False)
        return found

    with torch.autocast("cpu", dtype=types.products, enabled=types.autocast):
        return course_of(again if recomputed else piece, shape, types.stream, watch)
