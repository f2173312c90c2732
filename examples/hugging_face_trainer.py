"""Train with the Hugging Face `Trainer` on a packed run.

    python examples/hugging_face_trainer.py runs/quickstart
    torchrun --nproc-per-node 2 examples/hugging_face_trainer.py runs/quickstart

Three things differ from a plain data set. `PackedDataset` is sharded over ranks already, so the loader is not
wrapped by the trainer, which would shard it once more: each of N ranks would see 1/N of its share. And
documents are kept apart by position ids that begin anew with each of them, without an attention mask and
without a cache. Images, if the run has any, come as the pixel values that the model's processor would give,
and the position ids are those that the model would compute for each document alone.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from octomed.stream import Collator, PackedDataset
from torch.utils.data import DataLoader
from transformers import (
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Config,
    Qwen2ForCausalLM,
    Trainer,
    TrainingArguments,
)

TAKEN = ("input_ids", "labels", "position_ids")
"""What the model's `forward` takes."""
TAKEN_OF_IMAGES = ("pixel_values", "image_grid_thw")
"""What it takes of images; a batch without an image has neither."""


class Collate:
    """Makes a batch of whole packs, one after another, with the images of a run that has any."""

    def __init__(self, vision: dict[str, Any] | None = None) -> None:
        self.collator = Collator(vision=vision, pixel_values=True) if vision else Collator(positions="text")

    def __call__(self, packs: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what the model's `forward` takes."""
        batch = self.collator(packs)
        return {name: batch[name] for name in (*TAKEN, *TAKEN_OF_IMAGES) if name in batch}


class PackedTrainer(Trainer):
    """A `Trainer` that leaves the data set to shard itself."""

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return a plain loader, not prepared by accelerate."""
        return DataLoader(
            self.train_dataset,
            batch_size=self.args.per_device_train_batch_size,
            num_workers=self.args.dataloader_num_workers,
            collate_fn=self.data_collator,
        )


def tiny_model(vocabulary_size: int) -> PreTrainedModel:
    """Return a model that a CPU trains; take `AutoModelForCausalLM.from_pretrained` instead."""
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=vocabulary_size,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            use_cache=False,
        )
    )


def tiny_vision_model(vocabulary_size: int, vision: dict[str, Any]) -> PreTrainedModel:
    """Return such a model that sees images."""
    tower = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 32,
        "patch_size": vision["patch_size"],
        "fullatt_block_indexes": [1],
    }
    text = {
        "vocab_size": vocabulary_size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": [2, 3, 3]},
        "use_cache": False,
    }
    tokens = {name: vision[name] for name in vision if name.endswith("_token_id")}
    config = Qwen2_5_VLConfig(text_config=text, vision_config=tower, **tokens)
    return Qwen2_5_VLForConditionalGeneration(config)


def train(run: str, output: str, *, batch_size: int = 2, collator: Any = None) -> PackedTrainer:  # noqa: ANN401
    """Train an epoch and return the trainer."""
    dataset = PackedDataset(run, batch_size=batch_size)
    arguments = TrainingArguments(
        output_dir=output,
        per_device_train_batch_size=batch_size,
        num_train_epochs=1,
        use_cpu=True,
        ddp_backend="gloo" if "RANK" in os.environ else None,  # alone, there is nobody to talk to
        remove_unused_columns=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    size, vision = dataset.run.content.tokenizer.vocabulary_size, dataset.vision
    model = tiny_vision_model(size, vision) if vision else tiny_model(size)
    dataset.check_model(model.config)
    trainer = PackedTrainer(
        model=model, args=arguments, train_dataset=dataset, data_collator=collator or Collate(vision)
    )
    trainer.train()
    return trainer


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="the output of `octomed pack`")
    parser.add_argument("--output", default="runs/trainer")
    options = parser.parse_args()
    train(options.run, options.output)


if __name__ == "__main__":
    main()
