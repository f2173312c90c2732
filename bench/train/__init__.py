"""One GPU, the same traces, three ways to train on them: packed, padded, and the Hugging Face `Trainer`."""
