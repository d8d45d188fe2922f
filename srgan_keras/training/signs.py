"""Signs in the logs that a GAN does not learn what it should; each is told once a stage."""

import math
from collections.abc import Iterator

ROWS = 3  # in a row, before a discriminator is judged
SATURATED = 0.02
CHANCE = 2 * math.log(2)
INERT_SHARE = 0.01


class Signs:
    """Reads the rows of a stage's history."""

    def __init__(self, stage: str) -> None:
        self._adversarial = stage == "stage2"
        self._saturated, self._at_chance = 0, 0
        self._told: set[str] = set()

    def read(self, row: dict[str, float]) -> Iterator[str]:
        """Yield what this row gives reason to say."""
        if not self._adversarial:
            return
        saturated = row["d_hr"] > 1 - SATURATED and row["d_sr"] < SATURATED
        at_chance = abs(row["discriminator"] - CHANCE) < 0.01 * CHANCE
        self._saturated = self._saturated + 1 if saturated else 0
        self._at_chance = self._at_chance + 1 if at_chance else 0
        if self._saturated == ROWS and self._first_time("saturated"):
            yield (
                f"the discriminator separates HR from SR completely (d_hr {row['d_hr']:.3f}, d_sr "
                f"{row['d_sr']:.3f}) and gives little direction: lower "
                "train.discriminator_learning_rate or lengthen stage 1"
            )
        if self._at_chance == ROWS and self._first_time("chance"):
            yield (
                f"the discriminator is at chance (loss {row['discriminator']:.3f}, 2 ln 2 is "
                f"{CHANCE:.3f}): raise train.discriminator_learning_rate, and check that "
                "vgg.weights are ImageNet's"
            )
        norms = {k: v for k, v in row.items() if k.endswith("_gradient")}
        share = norms.get("adversarial_gradient", math.inf) / (sum(norms.values()) or 1.0)
        if share < INERT_SHARE and self._first_time("inert"):
            yield (
                f"the adversarial term is {share:.2%} of the generator's gradient: raise "
                "loss.adversarial_weight, or this is not adversarial training"
            )

    def _first_time(self, sign: str) -> bool:
        new = sign not in self._told
        self._told.add(sign)
        return new
