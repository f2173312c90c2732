"""Why an address gives no image."""

from __future__ import annotations


class NoImage(Exception):
    """An address gave no image; no words of it hold a user's name, a password, or what follows a `?`.

    Parameters
    ----------
    detail
        Why.
    reason
        Name of the reject.
    passes
        Whether it may be otherwise in a moment.
    """

    def __init__(self, detail: str, reason: str = "image_unreachable", *, passes: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.passes = passes
