"""`octomed annotate`: columns that rows lack are filled by a model that is asked."""

from __future__ import annotations

import sys

from octomed.cli.extras import need_aiohttp
from octomed.cli.options import AsJson, Overrides, RecipePath
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import log, out, resumable


def command(recipe: RecipePath, overrides: Overrides = None, json_output: AsJson = False) -> None:
    """Fill a column that rows lack (modality, difficulty) by a model that is asked.

    The recipe has sources, a `teacher`, and `annotate: {column: modality, values: [ct, mri]}` or
    `{column: difficulty, values: [1, 10]}`. Copies of the sources with the column filled come into the
    output, and `where`, `stratify` and `validation.group` of a recipe that packs read it there. An answer is
    on the disk before it counts, so a run that is stopped goes on where it was. Needs the extra `distill`.

    \b
    Examples:
      octomed annotate recipes/distill/annotate.yaml
      octomed annotate recipes/distill/annotate.yaml --set limits.concurrency=16
    """
    need_aiohttp("asking a model", "distill")
    from octomed.annotate.recipe import load_annotate_recipe
    from octomed.annotate.run import annotate
    from octomed.commands import as_argument, set_options, shell_words
    from octomed.distill.display import shown_on

    loaded = load_annotate_recipe(recipe, overrides or ())
    again = ["octomed", "annotate", as_argument(str(recipe)), *set_options(overrides or ())]
    with shown_on(sys.stderr, loaded.settings, json_lines=json_output) as tell, resumable(again):
        stop_by_signals()
        counts = annotate(loaded, tell=tell)
    if json_output:
        import json

        out(json.dumps(counts.values(loaded.settings), ensure_ascii=False))
        return
    for line in counts.lines(loaded.settings):
        out(line)
    if counts.stopped is not None:
        log(f"stopped: {counts.stopped}; with a larger one `{shell_words(again)}` goes on, and writes copies")
    for written in counts.written:
        log(f"written: `{loaded.output / written}`")
