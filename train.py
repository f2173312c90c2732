"""Train on packed streams: `composer -n 2 train.py recipes/train/quickstart.yaml [key=value ...]`."""

import sys

from octomed.train.main import main
from octomed.train.signals import leave_ctrl_c_to_parent

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
if __name__ == "__mp_main__":  # saving to an object store starts processes that import this file
    leave_ctrl_c_to_parent()
