"""Models in Keras's vocabulary: stacks of layers that predict and learn."""

from nhwc.models.program import ModelPlan
from nhwc.models.sequential import Sequential
from nhwc.models.training import History

__all__ = ["History", "ModelPlan", "Sequential"]
