"""What the files next to a `tokenizer.json` say of its tokens, put together as `transformers` does.

`AutoTokenizer` reads `tokenizer_config.json` too, and in folders without its `added_tokens_decoder` also
`special_tokens_map.json` and `added_tokens.json`. All of them may add tokens, or define those of the
`tokenizer.json` again; the class that the folder names has tokens of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOKEN_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")

LIST_NAME = "additional_special_tokens"

_END = "<|endoftext|>"
_SENTENCE = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
_TEXT = dict.fromkeys(("bos_token", "eos_token", "unk_token"), _END)

# Classes of `transformers` that take the `tokenizer.json` as it is, and the tokens that they have by default.
CLASSES: dict[str, dict[str, str]] = {
    "PreTrainedTokenizer": {},
    "TokenizersBackend": {},
    "LlamaTokenizer": _SENTENCE,
    "GemmaTokenizer": {
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
    },
    "Qwen2Tokenizer": {"eos_token": _END, "unk_token": _END, "pad_token": _END},
    "GPT2Tokenizer": _TEXT,
    "GPTNeoXTokenizer": _TEXT,
    "CodeGenTokenizer": _TEXT,
    "CohereTokenizer": {
        "bos_token": "<BOS_TOKEN>",
        "eos_token": "<|END_OF_TURN_TOKEN|>",
        "unk_token": "<UNK>",
    },
    "BloomTokenizer": {**_SENTENCE, "pad_token": "<pad>"},
}

# Classes that make an added token of each special token which is written as a plain string.
_WRAPPING = {"Qwen2Tokenizer"}

# Classes that leave `add_prefix_space` of the `tokenizer.json` alone where no file names it.
_LEAVES_PREFIX = {"LlamaTokenizer"}

# What `AutoTokenizer` takes where no file names a class.
_CLASS_OF_MODEL = {
    **dict.fromkeys(
        ("qwen2", "qwen2_vl", "qwen2_5_vl", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_vl"), "Qwen2Tokenizer"
    ),
    **dict.fromkeys(("llama", "mistral", "mixtral", "phi3"), "LlamaTokenizer"),
    **dict.fromkeys(("gemma", "gemma2", "gemma3", "gemma3_text"), "GemmaTokenizer"),
    **dict.fromkeys(("cohere", "cohere2"), "CohereTokenizer"),
    "gpt2": "GPT2Tokenizer",
    "gpt_neox": "GPTNeoXTokenizer",
    "codegen": "CodeGenTokenizer",
    "bloom": "BloomTokenizer",
}

# As the engine counts; the largest published vocabularies have 65,536.
_MOST_ADDED = 100_000

# Tokens of the files next to a `tokenizer.json` that have a note of their own.
_SHOWN = 3

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class AddedToken:
    """An added token: its text, and how it is looked for."""

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool | None = None
    special: bool = False

    @classmethod
    def read(cls, value: Mapping[str, Any], **fixed: bool) -> AddedToken:
        """Take a token from a JSON object; `fixed` overrules what it says."""
        flags = {name: value[name] for name in _FLAGS if isinstance(value.get(name), bool)}
        return cls(str(value.get("content", "")), **(flags | fixed))

    def settled(self) -> AddedToken:
        """Return the token with what it leaves open decided: special tokens are not normalised."""
        return self if self.normalized is not None else replace(self, normalized=not self.special)


@dataclass(frozen=True)
class FolderFiles:
    """The JSON objects of a folder; a file that is not there is an empty one."""

    config: Mapping[str, Any]
    special_tokens_map: Mapping[str, Any] = field(default_factory=dict)
    added_tokens: Mapping[str, Any] = field(default_factory=dict)
    model_config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FolderTokens:
    """What a folder says apart from its `tokenizer.json`.

    Attributes
    ----------
    added
        Tokens to add to the `tokenizer.json`, in order, some of which redefine one of its tokens.
    add_prefix_space
        What replaces this setting of a lone `ByteLevel` pre-tokenizer.
    variables
        The special tokens that a chat template may name.
    notes
        What a user should know of it.
    """

    added: tuple[AddedToken, ...] = ()
    add_prefix_space: bool | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_folder(name: str, outline: Mapping[str, Any], files: FolderFiles) -> FolderTokens:
    """Put a folder's files together.

    Parameters
    ----------
    name : str
        What messages call the folder.
    outline : mapping
        The `tokenizer.json` without its vocabulary.
    files : FolderFiles
        The files next to it.

    Raises
    ------
    RecipeError
        When `transformers` would take other ids from this folder than can be given here.
    """
    kind, notes = _class_of(files)
    _refuse_other_ids(name, kind, outline, files.config)
    in_file = [AddedToken.read(token).settled() for token in outline.get("added_tokens") or ()]
    init, decoder = _settings(files, outline)
    named = _named_tokens(kind, init, {token.content: token for token in decoder.values()})
    added = _tokens_to_add(in_file, decoder, named)
    _refuse_many(name, len(in_file) + len(added))
    notes += _notes_on(added, {token.content for token in in_file})
    if outline.get("dropout"):
        notes.append("the tokenizer's `dropout`, which would give other ids in every run, is switched off")
    return FolderTokens(
        added=tuple(added),
        add_prefix_space=_other_prefix(kind, outline, files.config),
        variables={key: _text(value) for key, value in named.items() if not isinstance(value, list)},
        notes=tuple(notes),
    )


def _notes_on(added: list[AddedToken], known: set[str]) -> list[str]:
    """Say which tokens the files next to a `tokenizer.json` bring: the first of them, and how many more."""
    notes = [
        f"`{token.content}` {'is redefined by' if token.content in known else 'is a token only in'} "
        "the files next to `tokenizer.json`, which `transformers` reads"
        for token in added[:_SHOWN]
    ]
    if len(added) > _SHOWN:
        notes.append(
            f"so are {len(added) - _SHOWN:,} more tokens: "
            "the files next to `tokenizer.json` add or redefine them"
        )
    return notes


def _refuse_many(name: str, tokens: int) -> None:
    """Refuse more added tokens than the engine takes, before each is looked at."""
    if tokens > _MOST_ADDED:
        raise RecipeError(
            f"{name}: `tokenizer.json` and the files next to it have {tokens:,} added tokens, "
            f"more than {_MOST_ADDED:,}",
            "remove those that no text needs",
        )


def _other_prefix(kind: str, outline: Mapping[str, Any], config: Mapping[str, Any]) -> bool | None:
    """Return what a lone pre-tokenizer's `add_prefix_space` becomes, if anything else."""
    pre_tokenizer = outline.get("pre_tokenizer")
    written = pre_tokenizer.get("add_prefix_space") if isinstance(pre_tokenizer, dict) else None
    wanted = config.get("add_prefix_space", written if kind in _LEAVES_PREFIX else False)
    return bool(wanted) if written is not None and wanted is not None and bool(wanted) != written else None


def _class_of(files: FolderFiles) -> tuple[str, list[str]]:
    """Return the class that `AutoTokenizer` takes, without `Fast` at its end, and what to say of it."""
    written = files.config.get("tokenizer_class") or files.model_config.get("tokenizer_class")
    if written is None:
        written = _CLASS_OF_MODEL.get(str(files.model_config.get("model_type")), "PreTrainedTokenizer")
    kind = str(written).removesuffix("Fast")
    if kind in CLASSES:
        return kind, []
    note = f"the tokenizer's class `{written}` is not known here: its `tokenizer.json` is taken as it is"
    return kind, [note]


def _refuse_other_ids(name: str, kind: str, outline: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse by name what `transformers` follows and OctoMed cannot."""
    if config.get("split_special_tokens"):
        raise RecipeError(
            f"{name}: `split_special_tokens` splits the control tokens of the chat template",
            "remove it from `tokenizer_config.json`",
        )
    if config.get("fix_mistral_regex"):
        raise RecipeError(
            f"{name}: `fix_mistral_regex` replaces the pattern of `tokenizer.json` while it is loaded",
            "save the tokenizer with the right pattern, and remove the key from `tokenizer_config.json`",
        )
    versions = [file for file in config.get("fast_tokenizer_files") or () if file != "tokenizer.json"]
    if versions:
        raise RecipeError(
            f"{name}: `fast_tokenizer_files` names `{versions[0]}`, and only `tokenizer.json` is read",
            "save the tokenizer again, and remove the key from `tokenizer_config.json`",
        )
    prefixed = config.get("add_prefix_space")
    if kind == "LlamaTokenizer" and prefixed is not None and bool(prefixed) != _prepends(outline):
        raise RecipeError(
            f"{name}: `add_prefix_space: {str(bool(prefixed)).lower()}` makes `transformers` "
            "rebuild the tokenizer from its SentencePiece file, and `tokenizer.json` says otherwise",
            "save the tokenizer again with `save_pretrained`",
        )
    if kind in {"CohereTokenizer", "BloomTokenizer"} and prefixed and _is_nested_without_prefix(outline):
        raise RecipeError(
            f"{name}: `add_prefix_space` changes the pre-tokenizer of `{kind}` while it is loaded",
            "save the tokenizer again, and remove the key from `tokenizer_config.json`",
        )
    _refuse_other_text(name, kind, outline, config)


def _refuse_other_text(name: str, kind: str, outline: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse settings of BERT's family that change the normaliser of `tokenizer.json`."""
    normalizer = outline.get("normalizer")
    if kind in CLASSES or not isinstance(normalizer, dict) or normalizer.get("type") != "BertNormalizer":
        return
    for key, option, default in (
        ("lowercase", "do_lower_case", True),
        ("strip_accents", "strip_accents", None),
        ("handle_chinese_chars", "tokenize_chinese_chars", True),
    ):
        if normalizer.get(key) != config.get(option, default):
            raise RecipeError(
                f"{name}: `{option}` of `tokenizer_config.json` and `{key}` of `tokenizer.json` differ",
                "save the tokenizer again with `save_pretrained`",
            )


def _is_nested_without_prefix(outline: Mapping[str, Any]) -> bool:
    """Whether a sequence of pre-tokenizers holds one that writes no space before a text and could."""
    pre_tokenizer = outline.get("pre_tokenizer")
    alone = isinstance(pre_tokenizer, dict) and "add_prefix_space" in pre_tokenizer
    return not alone and '"add_prefix_space": false' in json.dumps(pre_tokenizer)


def _prepends(outline: Mapping[str, Any]) -> bool:
    """Whether a SentencePiece-like tokenizer puts a space before a text."""
    for part in ("normalizer", "pre_tokenizer"):
        value = outline.get(part)
        if not isinstance(value, dict):
            continue
        steps = value.get("normalizers") or value.get("pretokenizers") or [value]
        for step in steps:
            prepended = step.get("type") == "Prepend"
            spaced = step.get("type") == "Metaspace" and step.get("prepend_scheme", "always") != "never"
            if prepended or spaced:
                return True
    return False


def _settings(files: FolderFiles, outline: Mapping[str, Any]) -> tuple[dict[str, Any], dict[int, AddedToken]]:
    """Return the settings that `transformers` gives the tokenizer, and the added tokens by their ids.

    Without `added_tokens_decoder` it reads the older files: `special_tokens_map.json` overrules
    `tokenizer_config.json`, and the `tokenizer.json` overrules `added_tokens.json`.
    """
    init = dict(files.config)
    written = init.get("added_tokens_decoder")
    if isinstance(written, dict):
        return init, {int(number): AddedToken.read(token) for number, token in written.items()}
    for key, value in files.special_tokens_map.items():
        if key == LIST_NAME and isinstance(value, list):
            listed = [_token(token) for token in init.get(key) or ()]
            new = [_token(token, special=True) for token in value]
            known = set(listed)
            init[key] = listed + [token for token in new if token not in known]
        else:
            init[key] = _token(value, special=True)
    special = {_text(token) for name in (*TOKEN_NAMES, LIST_NAME) for token in _listed(init.get(name))}
    decoder = {
        int(number): AddedToken(text, normalized=text not in special, special=text in special)
        for text, number in files.added_tokens.items()
    }
    for token in outline.get("added_tokens") or ():
        decoder[int(token["id"])] = AddedToken.read(token)
    return init, decoder


def _named_tokens(kind: str, init: Mapping[str, Any], known: Mapping[str, AddedToken]) -> dict[str, Any]:
    """Return the special tokens by name, as strings or added tokens, the list of further ones too."""
    named: dict[str, Any] = {}
    for name in TOKEN_NAMES:
        if name in init:
            value = _token(init[name])
            value = known.get(_text(value), value) if value is not None else None
        else:
            value = CLASSES.get(kind, {}).get(name)
        if isinstance(value, str) and kind in _WRAPPING:
            value = AddedToken(value, normalized=False, special=True)
        if value:
            named[name] = value
    named[LIST_NAME] = [_token(token) for token in init.get(LIST_NAME) or ()]
    extra = init.get("extra_special_tokens") or {}
    if isinstance(extra, dict):
        named |= {name: _token(value) for name, value in extra.items() if value}
    else:
        named[LIST_NAME] = [*named[LIST_NAME], *(_token(token) for token in extra)]
    return named


def _tokens_to_add(
    in_file: list[AddedToken], decoder: Mapping[int, AddedToken], named: Mapping[str, Any]
) -> list[AddedToken]:
    """Return what `PreTrainedTokenizerFast` adds to the tokens of its `tokenizer.json`."""
    found = set(in_file)
    tokens: list[str | AddedToken] = [
        token for _, token in sorted(decoder.items()) if token.settled() not in found
    ]
    texts = {token.content for token in in_file} | {_text(token) for token in tokens}
    all_special: dict[str, str | AddedToken] = {}
    for value in named.values():
        for token in _listed(value):
            all_special.setdefault(_text(token), token)
    before = {token.settled() for token in tokens if isinstance(token, AddedToken)}
    tokens += [
        token
        for token in all_special.values()
        if (token not in texts if isinstance(token, str) else token.settled() not in before)
    ]
    return _new_of(in_file, tokens, all_special)


def _new_of(
    in_file: list[AddedToken], tokens: Iterable[str | AddedToken], special: Mapping[str, object]
) -> list[AddedToken]:
    """Return the tokens that say something new, each with its flags decided."""
    known, new = set(in_file), []
    for token in tokens:
        if isinstance(token, str):
            decided = AddedToken(token, special=True).settled()
        else:
            decided = replace(token, special=token.special or token.content in special).settled()
        if decided.content and decided not in known:
            known.add(decided)
            new.append(decided)
    return new


def _token(value: object, **fixed: bool) -> Any:  # noqa: ANN401 a token, a string, or what else JSON holds
    """Turn a JSON object into an added token; anything else stays."""
    return AddedToken.read(value, **fixed) if isinstance(value, dict) else value


def _text(token: object) -> str:
    return token.content if isinstance(token, AddedToken) else str(token)


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
