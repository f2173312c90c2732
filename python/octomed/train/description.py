"""What a training's report says in words: its data, model, machine, versions and recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.train.facts import About, TrainingFacts

LAST_STEPS = 10
"""Steps that a final loss is the mean of."""
_SECRETS = ("key", "token", "secret", "password")
_HIDDEN = "(not shown)"


def rows_of(facts: TrainingFacts) -> Iterator[tuple[str, str]]:
    """Yield labels and texts of what is known of a training."""
    about = facts.about
    if about is None:
        yield "Data", facts.data
        return
    yield "Began", about.began
    yield "Model", f"{about.model}; {about.trained:,} parameters trained, {about.frozen:,} frozen"
    yield "Data", f"{about.run}: {_amounts(about)}, in {', '.join(facts.runs or (facts.data,))}"
    yield "Hardware", _hardware(about)
    yield "Versions", ", ".join(f"{name} {version}" for name, version in about.versions.items())


def _amounts(about: About) -> str:
    amounts = [f"{about.traces:,} traces in {about.packs:,} packs", f"{about.tokens:,} tokens"]
    return ", ".join([*amounts, *([f"{about.images:,} images"] if about.images else [])])


def _hardware(about: About) -> str:
    ranks = "1 rank" if about.ranks == 1 else f"{about.ranks:,} ranks"
    threads = "1 thread" if about.threads == 1 else f"{about.threads:,} threads"
    cores = "1 core" if about.cores == 1 else f"{about.cores:,} cores"
    return (
        f"{ranks} on {about.device}, {threads} each; a machine of {cores} and {units.bytes_of(about.memory)}"
    )


def without_secrets_of_loggers(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe without what may be a secret of its loggers.

    Examples
    --------
    >>> without_secrets_of_loggers({"loggers": {"wandb": {"project": "a", "api_key": "b"}}})
    {'loggers': {'wandb': {'project': 'a', 'api_key': '(not shown)'}}}
    """
    loggers = _without_secrets(recipe.get("loggers"))
    return recipe | ({"loggers": loggers} if loggers is not None else {})


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 of a recipe
    if not isinstance(value, dict):
        return value
    return {
        name: _HIDDEN if any(word in str(name).lower() for word in _SECRETS) else _without_secrets(one)
        for name, one in value.items()
    }
