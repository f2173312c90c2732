"""Make the embedded tokenizer: byte-level BPE of 4,096 entries, learned from the embedded sample's own text.

It is built as Qwen2.5's is (NFC, the same split, byte-level pieces, ChatML and vision control tokens), and small
enough for a model that learns something on two CPU cores in minutes. The bytes 0 to 255 are its first entries, so
that any text can be encoded. The sample's text runs out of merges after 1,448; the entries between those and the
control tokens are reserved, and no text encodes to them.

The same bytes come out on every machine; `tests/train/test_sample_tokenizer.py` checks that.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRIES = 4096
CONTROLS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
PLAIN = ENTRIES - len(CONTROLS)
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def texts_of(value: Any) -> Iterator[str]:  # noqa: ANN401 any JSON value
    """Yield the strings of a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_of(inner)


def sample_texts(folder: Path) -> Iterator[str]:
    """Yield all texts of the sample, in the order of its files; lines that are no JSON are left out."""
    yield from texts_of(json.loads((folder / "chains.json").read_bytes()))
    for path in [folder / "dialogues.jsonl", *sorted((folder / "questions").glob("*.jsonl"))]:
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield from texts_of(json.loads(line))
            except ValueError:
                continue


def make_tokenizer(sample: Path) -> Tokenizer:
    """Learn the merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=PLAIN,
        min_frequency=1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sample_texts(sample), trainer)
    tokenizer = Tokenizer.from_str(json.dumps(_with_reserved(json.loads(tokenizer.to_str()))))
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in CONTROLS])
    return tokenizer


def _with_reserved(values: dict[str, Any]) -> dict[str, Any]:
    vocabulary = values["model"]["vocab"]
    for number in range(len(vocabulary), PLAIN):
        vocabulary[f"<|reserved_{number}|>"] = number
    return values


def write_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json` and the names of its control tokens as `transformers` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "additional_special_tokens": list(CONTROLS[1:]),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sample = Path(__file__).resolve().parent.parent / "python" / "octomed" / "sample"
    parser.add_argument("--sample", type=Path, default=sample)
    parser.add_argument("--out", type=Path, default=sample / "tokenizer")
    options = parser.parse_args()
    tokenizer = make_tokenizer(options.sample)
    write_tokenizer(tokenizer, options.out)
    print(f"{tokenizer.get_vocab_size()} entries in {options.out}")


if __name__ == "__main__":
    main()
