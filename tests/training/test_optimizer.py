import keras
import numpy as np

from srgan_keras.training.optimizer import Adam


def test_adam_is_keras_adam():
    rng = np.random.default_rng(0)
    start = [rng.normal(size=s).astype(np.float32) for s in ((3, 3, 4, 5), (5,))]
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 10)
    moved = []
    for kind in (Adam, keras.optimizers.Adam):
        rng = np.random.default_rng(1)
        variables = [keras.Variable(x) for x in start]
        adam = kind(schedule, global_clipnorm=2.0)
        for _ in range(5):
            adam.apply([rng.normal(size=x.shape).astype(np.float32) for x in start], variables)
        moved.append([v.numpy() for v in (*variables, *adam.variables)])
    for ours, theirs in zip(*moved, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
