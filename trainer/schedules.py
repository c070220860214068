"""How the learning rate goes over a run: a pure function of the step, so that nothing need be saved.

Milestones are shares of the run, so that a run of any length goes through all of its schedule:

* ``s-short``: 1, halved after 300k, 400k and 500k of 600k steps (FlowNet, ICCV 2015; FlowNet 2.0, figure 5);
* ``s-long``: 1, halved after 400k, 600k, 800k and 1M of 1.2M (FlowNet 2.0, figure 5; PWC-Net);
* ``s-fine``: 1, halved after 200k, 300k, 400k and 500k of 600k (FlowNet 2.0, figure 5);
* ``spynet``: 1, halved after 160 of 200 epochs (the published code; how many epochs follow is not known);
* ``onecycle``: linear from 1/25 up to 1 over the first 5 %, then linearly down to nothing (RAFT);
* ``constant``: 1.
"""

from dataclasses import dataclass

from chairsgen.config import Config, param

HALVINGS = {
    "s-short": (300 / 600, 400 / 600, 500 / 600),
    "s-long": (400 / 1200, 600 / 1200, 800 / 1200, 1000 / 1200),
    "s-fine": (200 / 600, 300 / 600, 400 / 600, 500 / 600),
    "spynet": (160 / 200,),
    "constant": (),
}
"""Where each halves the rate, in shares of the run."""

ONECYCLE_RISE = 0.05
ONECYCLE_START = 1 / 25


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig(Config):
    """The learning rate over a stage's steps."""

    name: str = param("s-long", "its shape", choices=(*HALVINGS, "onecycle"))
    warmup: float = param(
        0.0, "rise linearly from nothing over this share of the steps", unit="share", low=0.0, high=1.0
    )


def rate(config: ScheduleConfig, step: int, steps: int) -> float:
    """What the peak learning rate is multiplied by at a step.

    Args:
        config: Which schedule.
        step: From 0 to ``steps`` - 1.
        steps: Of the stage.
    """
    done = step / steps
    if config.name == "onecycle":
        # The middle of the step: neither the first nor the last one is for nothing.
        place = (step + 0.5) / steps
        if place < ONECYCLE_RISE:
            factor = ONECYCLE_START + (1 - ONECYCLE_START) * place / ONECYCLE_RISE
        else:
            factor = (1 - place) / (1 - ONECYCLE_RISE)
    else:
        factor = 0.5 ** sum(done >= share for share in HALVINGS[config.name])
    if done < config.warmup:
        factor *= min((step + 1) / (config.warmup * steps), 1.0)
    return float(factor)
