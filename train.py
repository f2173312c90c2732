"""Train on packed streams: `composer -n 2 train.py recipes/train/quickstart.yaml [key=value ...]`."""

import sys

from octomed.train.main import main

if __name__ == "__main__":  # saving to an object store starts processes that import this file
    sys.exit(main(sys.argv[1:]))
