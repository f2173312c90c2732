"""Load an export with LLaMA-Factory's own loader: FOLDER NAME; rows are printed as JSON."""

import importlib.machinery
import json
import sys
import types

audio = types.ModuleType("torchaudio")  # needed for sound alone, and tied to one torch
audio.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
sys.modules.setdefault("torchaudio", audio)

from llamafactory.data.loader import _load_single_dataset  # noqa: E402
from llamafactory.data.parser import get_dataset_list  # noqa: E402
from llamafactory.hparams import DataArguments, ModelArguments  # noqa: E402

folder, name = sys.argv[1:]
data = DataArguments(dataset=name, dataset_dir=folder, media_dir=folder)
model = ModelArguments(model_name_or_path="none")
(found,) = get_dataset_list([name], folder)
training = types.SimpleNamespace(local_process_index=0, seed=0)
rows = _load_single_dataset(found, model, data, training)
for row in rows:
    images = [one if isinstance(one, str) else "bytes" for one in row["_images"] or []]
    said = [row["_system"], *(turn["content"] for turn in [*row["_prompt"], *row["_response"]])]
    found = {"said": said, "images": images}
    sys.stdout.write("ROW " + json.dumps(found) + "\n")
