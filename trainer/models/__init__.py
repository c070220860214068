"""The networks by name.

A model of your own needs no change here. It is an ``nn.Module`` that is called with two image batches and
returns a list of flows, as :class:`~trainer.models.base.FlowModel` lays down (derive from that, and padding
and cropping are done). It goes by name in either of two ways::

    @register("mine", source="Me, 2030")        # then create_model("mine")
    def mine(**options): return Mine(...)

    create_model("package.module:function")     # the same function, not registered

What a checkpoint names is called only if it says that it makes networks: if it is registered, a class of them, or
annotated as a function that returns one.
"""

from trainer.models import flownet, flownet2, pwcnet, spynet  # noqa: F401  (they register their networks)
from trainer.models.base import FlowModel, Stage, stages_of
from trainer.models.registry import (
    ENTRIES,
    Entry,
    create_model,
    model_options,
    named_by_file,
    num_parameters,
    register,
)

__all__ = [
    "ENTRIES",
    "Entry",
    "FlowModel",
    "Stage",
    "create_model",
    "model_options",
    "named_by_file",
    "num_parameters",
    "register",
    "stages_of",
]
