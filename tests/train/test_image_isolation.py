"""The start-up self-test with images: it passes where it should, and notices how pixels may leak."""

from __future__ import annotations

import pytest
import torch
from octomed.errors import InternalError

pytest.importorskip("composer")

from octomed.train.isolation import IsolationTest, check_isolation, tolerance_of
from octomed.train.isolation_sample import LENGTHS, SHOWN, UNITS, Sample

from . import image_tiny
from .image_tiny import FAMILIES


def settings_of(model):
    test = IsolationTest.of(model.language_model.config, 4, model.network.vision)
    return test, {
        "vocabulary": test.vocabulary,
        "rows": 4,
        "reserved": test.reserved,
        "images": test.images,
        "limit": test.limit(model, "cpu"),
    }


def forward_of(model, want="hidden"):
    @torch.no_grad()
    def forward(batch):
        return model.network(batch, want=want)

    return forward


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    return image_tiny.fresh_model(request.param).eval()


def test_the_sample_has_what_may_go_wrong(model):
    assert set(map(len, SHOWN)) == {0, 1, 2}, "a document without an image, with one, with two"
    shown = [image for some in SHOWN for image in some]
    assert len(set(shown)) < len(shown), "an image of two documents"
    assert set(shown) == set(range(len(UNITS)))
    assert max(max(sides) for sides in UNITS) > 4, "an image of two windows"
    assert len(set(LENGTHS)) == len(LENGTHS)
    _, settings = settings_of(model)
    sample = Sample.draw(settings["vocabulary"], 4, settings["reserved"], settings["images"])
    batch = sample.batch("cpu")
    assert len(batch["image_sizes"]) == len(UNITS)
    assert batch["image_refs"].tolist() == shown
    ids = batch["input_ids"][0]
    assert torch.equal(ids == image_tiny.IMAGE, ~sample.is_text())
    if model.language_model.config.model_type == "qwen2_5_vl":
        assert batch["image_counts"][:, 2].tolist() == [1, 2, 1]


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_documents_with_images_are_kept_apart(family, dtype):
    model = image_tiny.fresh_model(family, dtype).eval()
    test, settings = settings_of(model)
    depth = model.language_model.config.text_config.num_hidden_layers + 2
    assert test.layers == depth
    assert settings["limit"] == tolerance_of(getattr(torch, dtype), depth)
    for want in ("hidden", "logits"):
        assert check_isolation(forward_of(model, want), **settings) <= settings["limit"]


def test_no_random_token_is_one_of_vision(model):
    """With as few tokens as that, some would be."""
    _, settings = settings_of(model)
    reserved = {0, 1, 2, 3, 5}
    sample = Sample.draw(8, 4, reserved, None)
    for one in (sample, *(sample.with_other_ids(document) for document in range(len(LENGTHS)))):
        assert set(torch.cat(one.ids).tolist()) == {4, 6, 7}
    assert settings["reserved"] == {
        image_tiny.IMAGE,
        image_tiny.START,
        image_tiny.END,
        image_tiny.VOCABULARY - 1,
    }


def broken(model, change):
    """A forward whose features of images are changed before they are placed."""
    network = model.network

    @torch.no_grad()
    def forward(batch):
        tower = network.tower
        network.tower = Wrapped(tower, change)
        try:
            return network(batch, want="hidden")
        finally:
            network.tower = tower

    return forward


class Wrapped:
    """A tower whose features are changed."""

    def __init__(self, tower, change):
        self.tower, self.change = tower, change
        self.smallest = tower.smallest

    def __call__(self, batch):
        features = self.tower(batch)
        units = [height * width // 4 for _, height, width in batch["image_sizes"]]
        parts = [list(part.clone().split(units)) for part in (features.merged, *features.deep)]
        merged, *deep = (torch.cat(self.change(part)) for part in parts)
        return type(features)(merged, tuple(deep))


def mean_of_others(parts):
    """A little of all images in each."""
    mean = torch.cat(parts).mean(0)
    return [part + 1e-5 * mean for part in parts]


def first_for_all(parts):
    """The first token of the first image in the place of each image's own."""
    return [torch.cat([parts[0][:1], part[1:]]) for part in parts]


def swapped(parts):
    """The tokens of two images in the place of each other, as far as they have as many."""
    return [*parts[1:2], *parts[:1], *parts[2:]] if len(parts) > 1 else parts


def blind(parts):
    return [torch.zeros_like(part) for part in parts]


def next_row(parts):
    """Each token that of the next place, also beyond the image."""
    return [torch.cat(parts).roll(-1, 0)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (mean_of_others, "which does not show it"),
        (first_for_all, "which does not show it"),
        (next_row, "which does not show it|did not change the states of its tokens"),
        (swapped, "did not change the states of its tokens|which does not show it"),
        (blind, "did not change the states of its tokens"),
    ],
)
def test_a_model_that_leaks_pixels_is_caught(model, change, words):
    _, settings = settings_of(model)
    with pytest.raises(InternalError, match=words):
        check_isolation(broken(model, change), **settings)


def test_a_tower_that_sees_another_image_is_caught(model, monkeypatch):
    """One stretch for all images, as a tower has that was given no edges."""
    from octomed.train import tower

    whole = tower.Stretches

    def one(edges, lengths):
        return whole(edges[[0, -1]], lengths.sum(keepdims=True))

    _, settings = settings_of(model)
    monkeypatch.setattr(tower, "Stretches", one)
    with pytest.raises(InternalError, match="which does not show it"):
        check_isolation(forward_of(model), **settings)


def test_features_beyond_their_place_are_caught(model, monkeypatch):
    """Rows of features that are picked as if no image were in two documents."""
    from octomed.train import network
    from octomed.train.placeholders import Places, places_of

    def in_order(batch, image_token):
        found = places_of(batch, image_token)
        most = int(batch["image_counts"][:, 1].sum()) - 1
        return Places(found.tokens, torch.arange(len(found.tokens)).clamp(max=most))

    _, settings = settings_of(model)
    monkeypatch.setattr(network, "places_of", in_order)
    with pytest.raises(InternalError):
        check_isolation(forward_of(model), **settings)
    monkeypatch.undo()
    check_isolation(forward_of(model), **settings)


def test_a_dummy_that_is_not_nothing_is_caught(model, monkeypatch):
    from octomed.train import network

    def something(features, embeddings):
        return embeddings + features.merged.mean().to(embeddings)

    _, settings = settings_of(model)
    monkeypatch.setattr(network, "_with_nothing_of", something)
    with pytest.raises(InternalError, match="differs from the same one alone"):
        check_isolation(forward_of(model), **settings)
