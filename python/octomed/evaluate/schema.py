"""What a recipe of an evaluation has: the model, its benchmarks, and how it is asked. Every key."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from octomed.distill.schema import http_address
from octomed.recipe.images import Images
from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part
from octomed.recipe.path_values import LocalPath
from octomed.recipe.schema import Source
from octomed.recipe.stores import StoreEntry
from octomed.recipe.values import Name
from octomed.storage import Mode

_OWN_PARAMETERS = {
    "messages": "the questions are",
    "model": "`model.name` is",
    "n": "`seeds` is",
    "seed": "each sample has one of its own",
    "stream": "replies are taken whole",
    "temperature": "`generation.temperature` is",
    "top_p": "`generation.top_p` is",
    "max_tokens": "`generation.max_tokens` is",
}
"""Keys of a request that are not `model.parameters`, and what is said in their place."""

Tokens = Annotated[int, Field(ge=1, le=2**20)]


class Model(Part):
    """The model that answers: behind an endpoint, or in a folder."""

    endpoint: Annotated[str, AfterValidator(http_address)] | None = None
    """Where it is: the address before `/chat/completions`."""
    name: Annotated[str, Field(min_length=1)] | None = None
    """What its server calls it."""
    key: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of the environment variable that holds the key; none is sent if left out."""
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    """Header that the key is sent in, as it is; `Authorization` if left out."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """More keys of each request, which its server knows."""
    concurrency: Annotated[int, Field(ge=1, le=65536)] = 64
    """Requests under way at most; fewer while the server says that it is busy."""
    timeout: Annotated[float, Field(gt=0.0, le=86400.0, strict=False)] = 1800.0
    """Seconds after which a request without a whole reply is ended and made again."""
    attempts: Annotated[int, Field(ge=1, le=100)] = 8
    """Attempts of a request that fails for a reason that may pass."""
    path: LocalPath | None = None
    """Folder of an exported model, whose answers are generated here."""
    device: Annotated[str, Field(min_length=1)] | None = None
    """Where the model of a folder runs: `cpu`, `cuda`; a GPU where there is one, if left out."""
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    """Its numbers: those that suit the device if left out."""
    batch_tokens: Tokens | None = None
    """Tokens under way at a time of a model in a folder; as memory allows if left out."""

    _of_endpoints: ClassVar[tuple[str, ...]] = (
        "name", "key", "header", "parameters", "concurrency", "timeout", "attempts",
    )  # fmt: skip
    _of_folders: ClassVar[tuple[str, ...]] = ("device", "dtype", "batch_tokens")

    @model_validator(mode="after")
    def _one_of_both(self) -> Model:
        if (self.endpoint is None) == (self.path is None):
            hint = "write `endpoint: http://localhost:8000/v1` with `name`, or `path: runs/…/model`"
            raise invalid("a model is behind an endpoint or in a folder", hint)
        if self.endpoint is not None and self.name is None:
            raise invalid(
                "an endpoint's model has a `name`", "add what its server calls it", at=("endpoint",)
            )
        idle = self._of_folders if self.endpoint is not None else self._of_endpoints
        for name in idle:
            if name in self.model_fields_set:
                kind = "a folder" if self.endpoint is not None else "an endpoint"
                raise invalid(f"`{name}` is of a model in {kind}".replace("in an", "behind an"), at=(name,))
        for name in self.parameters:
            if name in _OWN_PARAMETERS:
                message = f"`{name}` is no parameter of the model"
                raise invalid(message, f"leave it out: {_OWN_PARAMETERS[name]}", at=("parameters", name))
        return self


class Benchmark(Source):
    """A set of questions with right answers: a source, and how it is scored."""

    score: Literal["options", "exact", "contains", "token_f1"] = "options"
    """How an answer is compared: as one of the options, as a whole, contained, or by the tokens it shares."""
    suffix: Annotated[str, Field(min_length=1)] | None = None
    """Text behind each question: how short an answer is wanted, for instance."""
    vote: Annotated[int, Field(ge=2, le=1024)] | None = None
    """Samples of a majority vote, which stands beside the mean of single ones; none if left out."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Questions that are asked, the first ones; all if left out."""


BENCHMARK_KEYS = frozenset(Benchmark.model_fields) - frozenset(Source.model_fields)
"""What a benchmark has besides the keys of a source."""


class Generation(Part):
    """How answers are sampled."""

    temperature: Annotated[float, Field(ge=0.0, le=10.0, strict=False, allow_inf_nan=False)] = 0.6
    """Of the sampling; 0 takes the likeliest token."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0, strict=False)] = 0.95
    """Share of the likeliest tokens that are drawn from."""
    max_tokens: Tokens = 8192
    """Tokens of a response at most, reasoning included."""
    thinking_tokens: Tokens | None = None
    """Tokens of reasoning after which it is ended by force, so that an answer follows; never if left out."""
    thinking_parameter: Annotated[str, Field(min_length=1)] | None = None
    """Key of a request by which the server ends reasoning itself; a second request does if left out."""

    @model_validator(mode="after")
    def _leaves_an_answer(self) -> Generation:
        if self.thinking_tokens is not None and self.thinking_tokens >= self.max_tokens:
            message = (
                f"{self.thinking_tokens:,} tokens of reasoning leave none of {self.max_tokens:,} to answer"
            )
            raise invalid(message, "lower `thinking_tokens`", at=("thinking_tokens",))
        if self.thinking_parameter is not None and self.thinking_tokens is None:
            message = "`thinking_parameter` sends `thinking_tokens`, which is not written"
            raise invalid(message, "write `thinking_tokens: 7168`", at=("thinking_parameter",))
        return self


class OutputFolder(Part):
    """Where answers and results go."""

    path: LocalPath
    """Folder of the evaluation."""
    mode: Mode = "owner"
    """Who may read what is written: `owner`, `group`, or `umask` for whoever the umask lets."""


class Evaluation(Part):
    """A whole recipe of an evaluation."""

    version: Annotated[int, Field(ge=1)] = 1
    """Version of the recipe's language."""
    name: Name
    """Name of the evaluation."""
    model: Model
    """The model that answers."""
    harness: Literal["own", "inspect"] = "own"
    """Who asks: OctoMed itself, or inspect-ai, whose logs are kept besides."""
    trained: LocalPath | None = None
    """Packed run that the model was trained on: says prompt, system, template, images and form of answers."""
    prompt: Literal["trained", "own"] = "trained"
    """Whether these are the packed run's, or the recipe's own."""
    system: str | None = None
    """System message."""
    layout: Annotated[str, Field(min_length=1)] | None = None
    """Layout of the user's turn, a minijinja template over `question` and `options`."""
    tokenizer: Annotated[str, Field(min_length=1)] | None = None
    """Model whose tokenizer and chat template tell what an answer is, as `model` of a packing recipe."""
    template: Annotated[str, Field(min_length=1)] | None = None
    """Chat template: a built-in one's name, or a `.jinja` file."""
    images: Images | None = None
    """How images are found, checked and resized."""
    pictures: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Images of a question that are shown at most, the first ones."""
    benchmarks: Annotated[tuple[Benchmark, ...], Field(strict=False, min_length=1)]
    """Sets of questions, in the order of the table."""
    generation: Generation = Generation()
    """How answers are sampled."""
    seeds: Annotated[int, Field(ge=1, le=1024)] = 5
    """Samples of each question, each with a seed of its own."""
    output: OutputFolder
    """Where answers and results go."""
    stores: Annotated[tuple[StoreEntry, ...], Field(strict=False)] | None = None
    """How the stores of its addresses are reached, as in a packing recipe."""

    @model_validator(mode="after")
    def _benchmarks_once(self) -> Evaluation:
        for index, one in enumerate(self.benchmarks):
            if one.curate is not None:
                message = "an evaluation asks every question: nothing of a benchmark is curated"
                raise invalid(message, "leave `curate` out", at=("benchmarks", index, "curate"))
        return self

    @model_validator(mode="after")
    def _agree(self) -> Evaluation:
        own = [key for key in PROMPT_KEYS if getattr(self, key) is not None]
        if self.trained is not None and self.prompt == "trained" and own:
            message = f"`{own[0]}` is what the packed run of `trained` says"
            hint = f"leave `{own[0]}` out, or write `prompt: own`"
            raise invalid(message, hint, at=(own[0],))
        if self.harness == "inspect" and self.model.path is not None:
            raise invalid("inspect asks endpoints", "leave `harness` out", at=("harness",))
        return self

    def samples(self, benchmark: Benchmark) -> int:
        """Return how many samples each question of a benchmark has."""
        return max(self.seeds, benchmark.vote or 0)


PROMPT_KEYS = ("system", "layout", "tokenizer", "template", "images")
"""Keys that the packed run decides where one is named."""

MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Evaluation,
    ("model",): Model,
    ("benchmarks",): Benchmark,
    ("generation",): Generation,
    ("images",): Images,
    ("output",): OutputFolder,
}
"""The typed models of the mappings, by the names that lead to them."""
