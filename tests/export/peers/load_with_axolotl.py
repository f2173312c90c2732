"""Tokenize an export with axolotl's own strategy: FILE TOKENIZER; rows are printed as JSON."""

import json
import sys

from axolotl.prompt_strategies.chat_template import load
from axolotl.utils.dict import DictDefault
from datasets import load_dataset
from transformers import AutoTokenizer

file, tokenizer = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(tokenizer)
cfg = DictDefault({"sequence_len": 4096, "train_on_inputs": False})
said = DictDefault(
    {
        "type": "chat_template",
        "chat_template": "tokenizer_default",
        "field_messages": "messages",
        "message_field_training": "train",
    }
)
strategy = load(tokenizer, cfg, said)
kind = "json" if file.endswith("jsonl") else "parquet"
for row in load_dataset(kind, data_files=file, split="train"):
    made = strategy.tokenize_prompt(row)
    learned = [token for token, label in zip(made["input_ids"], made["labels"], strict=True) if label != -100]
    found = {"all": tokenizer.decode(made["input_ids"]), "learned": tokenizer.decode(learned)}
    sys.stdout.write(f"ROW {json.dumps(found)}\n")
