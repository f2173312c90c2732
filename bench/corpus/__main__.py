"""`python -m bench.corpus --traces 200000 --out corpus`: makes a corpus and says how fast."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.corpus.plan import Plan
from bench.corpus.write import write_corpus
from octomed.machine import cores


def main() -> None:
    """Reads the command line, writes the corpus."""
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=__doc__)
    parser.add_argument(
        "--traces", type=int, required=True, help="traces in all, planted duplicates included"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument(
        "--duplicates", type=float, default=0.01, help="share of traces that are exact copies"
    )
    parser.add_argument("--mixed", type=float, default=0.0, help="share of questions that are Chinese")
    parser.add_argument(
        "--layout",
        choices=["questions", "traces"],
        default="questions",
        help="a row is a question with its responses, or one trace",
    )
    parser.add_argument("--format", choices=["parquet", "jsonl"], default="parquet")
    parser.add_argument("--workers", type=int, default=cores())
    given = parser.parse_args()
    plan = Plan(given.traces, given.seed, given.duplicates, given.mixed, given.layout, given.format)
    made = write_corpus(plan, given.out, workers=given.workers)
    seconds, size = float(str(made["seconds"])), int(str(made["text_bytes"]))
    print(
        f"{plan.traces:,} traces, {made['rows']:,} rows, {size / 1e6:,.0f} MB of text, "
        f"{made['planted_duplicates']:,} planted duplicates, {made['never_seen_words']:,} never-seen words "
        f"in {seconds:.1f} s: {plan.traces / seconds:,.0f} traces/s"
    )


if __name__ == "__main__":
    main()
