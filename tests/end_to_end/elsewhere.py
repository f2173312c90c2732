"""Runs calls of `octomed.pipeline.calls.work` in a fresh process, as a scheduler on another machine would.

`python elsewhere.py BLOCK_BYTES`: a pickled list of calls comes in, what each returned or raised goes out.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path


def main():
    """Answer what comes over standard input."""
    from octomed.errors import OctomedError
    from octomed.pipeline.calls import work
    from octomed.pipeline.inputs.read import blocks_of

    blocks_of.__kwdefaults__["target"] = int(sys.argv[1])
    answers = []
    for name, spec in pickle.load(sys.stdin.buffer):
        try:
            answers.append(getattr(work, name)(spec))
        except OctomedError as error:
            answers.append(error)
    sys.stdout.buffer.write(pickle.dumps(answers))


def results(call, specs, block_bytes):
    """Return what a call makes of each specification elsewhere; the first error is raised."""
    calls = pickle.dumps([(call.__name__, spec) for spec in specs])
    words = [sys.executable, str(Path(__file__)), str(block_bytes)]
    done = subprocess.run(words, input=calls, stdout=subprocess.PIPE, check=True)
    answers = pickle.loads(done.stdout)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


if __name__ == "__main__":
    main()
