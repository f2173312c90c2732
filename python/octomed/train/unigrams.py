"""The loss that knowing token frequencies alone would reach, next to the loss that was reached."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import torch
from composer.core import Callback
from composer.utils import dist

from octomed.train.log import log_rank0
from octomed.train.loss import IGNORED
from octomed.train.monitors import share_done
from octomed.train.progress import conclusion

if TYPE_CHECKING:
    from composer.core import State
    from composer.loggers import Logger

LAST_STEPS = 10
EVERY = 10
"""Steps between two entropies: each is a sum over all ranks of a number a token of the vocabulary."""


def entropy(counts: torch.Tensor) -> float:
    """Return the entropy of a distribution, in nats.

    Parameters
    ----------
    counts
        How often each token occurs.

    Examples
    --------
    >>> round(entropy(torch.tensor([10, 10])), 4)  # log(2)
    0.6931
    """
    shares = counts[counts > 0].double() / counts.sum()
    return float(-(shares * shares.log()).sum())


class UnigramMonitor(Callback):
    """Count the supervised tokens of all steps, and compare the last losses with their entropy.

    Parameters
    ----------
    vocabulary
        Number of token ids.
    """

    def __init__(self, vocabulary: int) -> None:
        self.counts = torch.zeros(vocabulary, dtype=torch.int64)
        self.losses: deque[float] = deque(maxlen=LAST_STEPS)

    def state_dict(self) -> dict[str, Any]:
        """Return the counts of all ranks."""
        return {"counts": self._all_ranks(), "losses": list(self.losses)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the counts; on the first rank, so that they are added up once."""
        self.losses.extend(state["losses"])
        if dist.get_global_rank() == 0:
            self.counts = state["counts"].clone()

    def batch_start(self, state: State, logger: Logger) -> None:
        """Count a step's supervised tokens."""
        del logger
        labels = state.batch["labels"]
        self.counts += torch.bincount(labels[labels != IGNORED], minlength=len(self.counts)).cpu()

    def batch_end(self, state: State, logger: Logger) -> None:
        """Keep the step's loss; now and then, and after the last step, log the entropy so far."""
        self.losses.append(float(next(iter(state.total_loss_dict.values()))))
        if state.timestamp.batch.value % EVERY == 0 or share_done(state) >= 1:
            logger.log_metrics({"unigrams/entropy": entropy(self._all_ranks())})

    def fit_end(self, state: State, logger: Logger) -> None:
        """Log and print both, and what to conclude."""
        del state
        bound, mean = entropy(self._all_ranks()), sum(self.losses) / max(1, len(self.losses))
        logger.log_metrics({"unigrams/entropy": bound, "unigrams/last_losses": mean})
        text = f"mean loss of the last {len(self.losses)} steps {mean:.4f}"
        log_rank0(f"{text}, entropy of supervised tokens {bound:.4f}")
        log_rank0(conclusion(mean, bound))

    def _all_ranks(self) -> torch.Tensor:
        total = self.counts.clone()
        dist.all_reduce(total, reduce_operation="SUM")
        return total
