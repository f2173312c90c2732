"""What a run says of itself: progress while it runs, and a summary at its end."""

from __future__ import annotations

from octomed.report.progress import JsonProgress, LineProgress, LiveProgress, Progress, SilentProgress
from octomed.report.summary import Summary

__all__ = ["JsonProgress", "LineProgress", "LiveProgress", "Progress", "SilentProgress", "Summary"]
