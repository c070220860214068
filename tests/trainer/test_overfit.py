"""Every network learns two pairs by heart: what it computes, and the loss of its paper, fit each other."""

import moving
import pytest
import torch
from torch import Tensor

from trainer import create_model
from trainer.batch import Batch
from trainer.data import open_training, ordered
from trainer.losses import end_point_error, flow_loss
from trainer.models import FlowModel, stages_of
from trainer.schedules import ScheduleConfig, rate
from trainer.settings import defaults

STEPS = {
    "flownets": (25, 5e-4),
    "flownetc": (35, 5e-4),
    "flownet2-sd": (35, 5e-4),
    "flownet2-cs": (25, 5e-4),
    "flownet2": (150, 3e-3),
    "pwcnet": (40, 5e-4),
    "pwcnet-small": (40, 5e-4),
    "spynet": (30, 1e-3),
}
"""Steps of a stage at most, and their peak learning rate. FlowNet2-CSS is -CS and one more of its last network."""

FROZEN = {"flownet2-cs": ("first",), "flownet2": ("large", "small")}
"""Of the stacks, the last network learns alone here; what those before it, as fresh as they were made, say of two
pairs is the same at every step. That all learn, one after the other, is tested with the loop."""


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    folder = moving.dataset(tmp_path_factory.mktemp("data") / "two", 2, disc=False)
    return Batch.of(next(ordered(open_training(f"{folder}?split=all").source, 2, torch.device("cpu"))))


def _error(flow: Tensor, batch: Batch) -> float:
    return float(end_point_error(flow.detach(), batch.flow).mean())


def _remember(part: FlowModel) -> None:
    """Lets a part whose weights and images stay the same be asked once."""
    estimate, answers = part.estimate, []

    def remembered(image1: Tensor, image2: Tensor) -> list[Tensor]:
        if not answers:
            answers.append(estimate(image1, image2))
        return answers[0]

    part.estimate = remembered  # type: ignore[method-assign]


@pytest.mark.parametrize("name", STEPS)
def test_two_pairs_are_learned_by_heart(name: str, batch: Batch) -> None:
    torch.manual_seed(0)
    model = create_model(name).requires_grad_(False)
    for part in FROZEN.get(name, ()):
        _remember(model.get_submodule(part))  # type: ignore[arg-type]
    (steps, lr), loss = STEPS[name], defaults(name).loss
    goal = _error(torch.zeros_like(batch.flow), batch) / 10
    stages = stages_of(model) if name == "spynet" else stages_of(model)[-1:]
    for stage in stages:
        if stage.starts_from:
            stage.learns.load_state_dict(stage.starts_from.state_dict())
        # Short memories: there are few steps to remember.
        optimiser = torch.optim.Adam(
            stage.learns.requires_grad_().parameters(), betas=(0.8, 0.99), fused=True
        )
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = lr * rate(ScheduleConfig(name="onecycle"), step, steps)
            flows = stage.network(batch.image1, batch.image2)
            # SpyNet may be there before its last level has learned anything: all of it is to learn.
            if len(stages) == 1 and _error(flows[0], batch) < goal:
                break
            optimiser.zero_grad()
            flow_loss(flows, batch, loss, finest=stage.finest, flow_unit=stage.flow_unit).backward()
            optimiser.step()
        stage.learns.requires_grad_(False)
    assert _error(model(batch.image1, batch.image2)[0], batch) < goal
