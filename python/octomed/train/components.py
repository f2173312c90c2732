"""Callbacks, loggers and algorithms by the names of the recipe."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from composer.algorithms import GradientClipping
from composer.callbacks import MemoryMonitor, OptimizerMonitor, RuntimeEstimator, SpeedMonitor
from composer.core import Algorithm

from octomed.errors import RecipeError
from octomed.pipeline.models.families import VISION_LANGUAGE
from octomed.stream.upstream import give_wandb_runs_their_url
from octomed.train.build import text_configuration
from octomed.train.image_ablation import ImageAblation
from octomed.train.isolation import IsolationTest
from octomed.train.monitors import DataMonitor, LearningRate, MetricsLog, Phase, ProgressLine, TraceLog
from octomed.train.rates import LearningRates
from octomed.train.reduction import MeanGradients
from octomed.train.report import check_plots
from octomed.train.report_writer import ReportWriter
from octomed.train.schema_monitoring import seconds_of
from octomed.train.unigrams import UnigramMonitor
from octomed.train.vision_gradients import NoGradientsFromDummies
from octomed.train.vision_monitors import SpeedWithoutVision, StepOperations, VisionMonitor

if TYPE_CHECKING:
    from pathlib import Path

    from composer.core import Callback, Event, State
    from composer.loggers import Logger, LoggerDestination
    from transformers import PretrainedConfig

    from octomed.stream.images import Vision
    from octomed.train.schema import TrainRecipe


def make_callbacks(
    recipe: TrainRecipe,
    configuration: PretrainedConfig,
    *,
    folder: Path,
    capacity: int,
    vision: Vision | None = None,
) -> list[Callback]:
    """Return the callbacks of a recipe, the self-test of isolation first: it cannot be switched off.

    Parameters
    ----------
    recipe
        The recipe.
    configuration
        Of the model.
    folder
        The run's folder.
    capacity
        Tokens that a pack holds at most.
    vision
        How images are prepared, where there are any.
    """
    wanted, operations = recipe.callbacks, StepOperations()
    if wanted.report is not None:
        check_plots()
    vocabulary = text_configuration(configuration).vocab_size
    rows = 4 if configuration.model_type in VISION_LANGUAGE else 1
    test = IsolationTest.of(configuration, rows, vision)
    made: list[Callback] = [Phase("self-test: are documents kept apart?"), test]
    made.append(LearningRates(recipe.scheduler))  # before what logs them
    if wanted.speed_monitor:
        monitor = SpeedMonitor if vision is None else partial(SpeedWithoutVision, operations)
        made.append(monitor(time_unit="seconds", **wanted.speed_monitor.model_dump()))
    if wanted.data_monitor and vision is not None:
        made.append(VisionMonitor(operations))
    if wanted.trace_log:
        made.append(TraceLog(_path(wanted.trace_log.folder, recipe) or folder))
    plain: dict[str, Any] = {
        "data_monitor": lambda: DataMonitor(capacity),
        "lr_monitor": LearningRate,
        "memory_monitor": MemoryMonitor,
        "optimizer_monitor": OptimizerMonitor,
        "runtime_estimator": RuntimeEstimator,
        "unigram_monitor": lambda: UnigramMonitor(vocabulary),
    }
    made += [make() for name, make in plain.items() if getattr(wanted, name) is not None]
    if wanted.report is not None and wanted.report.every is not None:
        made.append(ReportWriter(folder, seconds_of(wanted.report.every)))
    if recipe.eval_swapped_images:
        made.append(ImageAblation())
    made.append(Phase("first step" + (": layers are compiled" if recipe.model.compile_layers else "")))
    if not recipe.progress_bar:
        made.append(ProgressLine(_steps(recipe.console_log_interval)))
    return made


def make_loggers(recipe: TrainRecipe, folder: Path) -> list[LoggerDestination]:
    """Return the loggers of a recipe.

    Raises
    ------
    RecipeError
        When one needs a package that is not installed.
    """
    wanted = recipe.loggers
    made: list[LoggerDestination] = []
    if wanted.jsonl is not None:
        made.append(MetricsLog(folder))
    if wanted.tensorboard is not None:
        made.append(_foreign("TensorboardLogger", "tensorboard", {"log_dir": str(folder / "tensorboard")}))
    if wanted.wandb is not None:
        give_wandb_runs_their_url()
        made.append(_foreign("WandBLogger", "wandb", wanted.wandb))
    if wanted.mlflow is not None:
        made.append(_foreign("MLFlowLogger", "mlflow", wanted.mlflow))
    return made


def make_algorithms(recipe: TrainRecipe, *, images: bool = False) -> list[Algorithm]:
    """Return the algorithms of a recipe.

    Parameters
    ----------
    recipe
        The recipe.
    images
        Whether its model is given images, and dummies where there are none: all parameters have gradients.
    """
    made: list[Algorithm] = []  # Composer runs them from the last to the first after a step's backward pass
    if recipe.algorithms.gradient_clipping is not None:
        made.append(GradientClipping(**recipe.algorithms.gradient_clipping.model_dump()))
    if images:
        made.append(NoGradientsFromDummies())
    if recipe.fsdp_config is not None:
        made.append(MeanGradients(recipe.fsdp_config.mixed_precision))
    unfrozen = recipe.model.freeze_vision is False or recipe.model.freeze_projector is False
    if unfrozen and recipe.fsdp_config is None and not images:
        made.append(UnusedParameters())
    return made


class UnusedParameters(Algorithm):
    """Tell Composer that DDP has to expect parameters without a gradient: a vision tower and no images."""

    find_unused_parameters = True

    def __init__(self) -> None:
        pass

    def match(self, event: Event, state: State) -> bool:
        """Never run: the property is all that counts."""
        del event, state
        return False

    def apply(self, event: Event, state: State, logger: Logger) -> None:
        """Do nothing."""


def _foreign(name: str, package: str, settings: dict[str, Any]) -> Any:  # noqa: ANN401 one of Composer's loggers
    import composer.loggers  # noqa: PLC0415 next to its users

    try:
        return getattr(composer.loggers, name)(**settings)
    except ImportError as error:
        raise RecipeError(
            f"`loggers.{package}` needs the package `{package}`, which is not installed",
            f"pip install {package}",
        ) from error
    except TypeError as error:
        raise RecipeError(
            f"`loggers.{package}`: {error}", f"its keys are those of Composer's `{name}`"
        ) from error


def _steps(interval: str) -> int:
    if not interval.endswith("ba"):
        raise RecipeError(f"`console_log_interval` counts steps, not `{interval}`", "write `1ba`, or `10ba`")
    return max(1, int(interval.removesuffix("ba")))


def _path(text: str | None, recipe: TrainRecipe) -> Path | None:
    from pathlib import Path  # noqa: PLC0415 the only use

    return Path(text.replace("{run_name}", recipe.run_name)) if text else None
