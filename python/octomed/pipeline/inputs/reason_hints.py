"""What to do about a file of which no row can be read, by the reason of its first row."""

from __future__ import annotations

from octomed import _octomed

OF_FORMAT = frozenset({"missing_field", "null_field", "wrong_type"})
"""Reasons that say: the rows are JSON or a table, but not those of the source's format."""

OF_MODEL = frozenset({"template_limit", "tokenizer_limit", "tokenizer_failed"})
"""Reasons that a template or a tokenizer is at fault for: it does without end what others do in passing."""

_FORMAT = "its rows are not those of the source's `format`, which names their columns"
_COLUMNS = f"{_FORMAT}; pandas writes rows with `to_json(orient='records', lines=True)`, and columns without"
_JSON = frozenset({"json", "jsonl", "json_objects", "json_rows"})
_SKIP = "; `on_bad_file: skip` in the source leaves such files out"
_HINTS = {
    **dict.fromkeys(OF_FORMAT, _FORMAT),
    "invalid_json": "it is not JSON Lines, one object per line: name it by what it holds, or write it again",
    "invalid_utf8": "save it as UTF-8",
    "invalid_csv": (
        'say in the source how it is written: `csv: {escape: "\\\\"}` where a backslash precedes '
        "a quote, `csv: {quote: null}` where quotes are text"
    ),
    "wrong_column_count": (
        'say in the source how it is written: `csv: {delimiter: ";"}` for what separates its columns, '
        "`csv: {quote: null}` where quotes are text"
    ),
    "not_an_object": "a row is a JSON object with named columns",
    "duplicate_key": "write each key of a row once: it is unclear which of two is meant",
    "preference_row": (
        "preference rows are for DPO and the like, where one answer is to be avoided: write the chosen "
        "answers to a file of their own, with a column for the question and one for the answer"
    ),
    "option_labels": (
        "give each option a letter or number of its own, all in one way, and let the answer name one of them"
    ),
    "tool_calls": (
        "tool calls are not rendered: leave such rows out, or write the calls into the turn's text and "
        "remove the key"
    ),
    "has_image": (
        "name its column as `images` in the source's `format`, and a model that takes images; "
        "`image_columns: []` packs the text alone, without its pictures"
    ),
    "image_count": "a row has one `<image>` for each of its images, or none at all",
    "image_in_role": "the model's chat template shows images in the user's turns: move it there",
    "image_missing": "`image_root` in the source's `format` names the folder, zip or tar of its images",
    "image_damaged": "fetch the image again; rows of which one cannot be decoded are left out",
    "image_kind": (
        "JPEG, PNG, WebP, GIF, BMP and TIFF are read: convert HEIC, AVIF, DICOM, NIfTI and frames of videos"
    ),
    "image_too_large": "`images.max_source_pixels` says how many pixels an image may have",
    "image_shape": "one side of it is more than 200 times as long as the other: cut the image",
    "image_depth": "`images.gray16: window` reads 16-bit grey, from its least to its largest value",
    "image_url": (
        "`images.urls: fetch` fetches images of `http` and `https` addresses; download others, and name "
        "their folder in `image_root`"
    ),
    "image_unreachable": (
        "see that this machine reaches the addresses; those that gave an image are not asked again"
    ),
    "image_path": "`images.outside_root: allow` follows paths that lead out of `image_root`",
    "image_value": "an image is its bytes, a path, a URL, or an object with one of them",
    "no_answer": "see what the columns of the `response` template hold",
    "no_response": "see what the column of the response holds",
    "template_limit": (
        "a template exceeds the limits of one row: look at `template`, `prompt` and the `response` of the "
        "format, for loops in loops and texts that double"
    ),
    "tokenizer_limit": (
        "the model's `tokenizer.json` exceeds the limits of one text: look at the patterns and "
        "replacements of its `normalizer` and `pre_tokenizer`"
    ),
    "tokenizer_failed": (
        "the model's `tokenizer.json` cannot be used: check that it is complete, or fetch it again"
    ),
    "turn_weight": (
        "a turn is learned as a whole or not at all: write `weight: 0` or `weight: 1`, or remove the key"
    ),
}


def hint_about(reason: str, kind: str) -> str:
    """Return what to do about a file all of whose rows are unreadable.

    Parameters
    ----------
    reason : str
        Why the first one is.
    kind : str
        What the file is: `jsonl`, `csv` and the like, a compression behind it or not.
    """
    if reason == "wrong_type" and kind.partition(".")[0] in _JSON:
        return _COLUMNS
    hint = _HINTS.get(reason, "name it by what it holds, or write it again")
    return hint + _SKIP if _octomed.REASONS.get(reason, True) else hint
