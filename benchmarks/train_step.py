"""Training step of stage 2 on a CPU: ours against public SRGANs, interleaved in one run.

    python benchmarks/train_step.py [--side 96 --batch 8] [--rounds 8] [--json]

The paper's generator (16 x 64, batch normalisation), all of VGG-19's trunk frozen. Prints images
per second and these ratios:

- `vs_public_tf`: D and VGG-19 called separately on HR and SR, float32, no XLA.
- `vs_public_torch`: PyTorch, called separately, channels_last.
- `vs_same_torch`: PyTorch, with the same sharing as ours.
- `share_of_matmul`: share of the rate of a 4096 x 4096 `tf.matmul` in the same type.

Ours and PyTorch's each use the faster of float32 and, on a processor with units for it, bfloat16.
`--memory` compares peak memory at batch 16 instead, in separate processes.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from interleaved import best_seconds
from torch_process import TorchProcess

MEMORY = {"ours": "memory_of_ours", "torch": "memory_of_torch"}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--peak-of", choices=["ours", "torch"], help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.peak_of:
        print(peak(options.peak_of, options.side, 16))
        return
    if options.memory:
        result = memory(options.side)
    else:
        with closing(TorchProcess()) as torch:
            result = speed(torch, options.side, options.batch, options.rounds)
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def speed(torch: TorchProcess, side: int, batch: int, rounds: int) -> dict[str, object]:
    """Time every side once a round; keep each one's best."""
    import tensorflow as tf

    from srgan_keras.machine import has_bfloat16_units, machine

    types = ["float32"] + ["mixed_bfloat16"] * has_bfloat16_units()
    steps: dict[str, Callable[[], object]] = {"public_tf": public_tf(side, batch)}
    for kind in types:
        low = kind != "float32"
        for jit in (False, True):
            steps[f"ours {kind}{' xla' * jit}"] = ours(side, batch, kind, jit)
        for name, shared in (("public_torch", False), ("same_torch", True)):
            steps[f"{name} {kind}"] = torch.build("torch_step", "step", shared, low, side, batch)
        x = tf.random.uniform((4096, 4096))
        x = tf.cast(x, tf.bfloat16 if low else tf.float32)
        steps[f"matmul {kind}"] = lambda x=x: tf.matmul(x, x)[0, 0].numpy()
    for name, step in steps.items():
        step()  # traces, compiles
        print(f"ready: {name}", file=sys.stderr)
    seconds = best_seconds(steps, rounds)
    sides = ("ours", "public_tf", "public_torch", "same_torch")
    best = {s: min((k for k in steps if k.startswith(s)), key=seconds.get) for s in sides}
    kind = best["ours"].split()[1]
    flops = batch * shared_flops(side)
    rate = 2 * 4096**3 / seconds[f"matmul {kind}"]
    images = {name: batch / seconds[name] for name in seconds if not name.startswith("matmul")}
    ratio = {s: seconds[best[s]] / seconds[best["ours"]] for s in sides[1:]}
    return {
        "machine": machine(),
        "side": side,
        "batch": batch,
        "images_per_s": {name: round(value, 3) for name, value in images.items()},
        "best": best,
        "gflops_of_ours": round(flops / seconds[best["ours"]] / 1e9, 1),
        "gflops_of_matmul": round(rate / 1e9, 1),
        **{f"vs_{name}": round(value, 3) for name, value in ratio.items()},
        "share_of_matmul": round(flops / seconds[best["ours"]] / rate, 3),
    }


def model(batch: int, kind: str):  # noqa: ANN201
    """Build stage 2 of preset `paper` with the whole trunk frozen."""
    import keras

    from srgan_keras.configure import load
    from srgan_keras.models.generator import build_generator
    from srgan_keras.models.vgg19 import build_vgg19
    from srgan_keras.training.stages import Networks, Stage, build

    config = load("paper")
    config = replace(
        config,
        discriminator=replace(config.discriminator, frozen_blocks=5),
        train=replace(config.train, batch_size=batch),
    )
    keras.config.set_dtype_policy(kind)
    g = build_generator(config.generator, 4, (0.5,) * 3, (0.25,) * 3)
    networks = Networks(g, build_vgg19("random")[0], None)
    return build(Stage("stage2", 0, 100, 1.0), networks, config, kind), config


def photographs(side: int, batch: int):  # noqa: ANN201
    """Return one batch (LR, HR) of noise; what it shows does not matter to the time."""
    import tensorflow as tf

    hr = tf.cast(tf.random.uniform((batch, side, side, 3), 0, 256, tf.int32), tf.uint8)
    return hr[:, ::4, ::4], hr


def ours(side: int, batch: int, kind: str, jit: bool) -> Callable[[], object]:
    """Return our step, as the loop runs it."""
    import tensorflow as tf

    from srgan_keras.training.steps import compiled_steps

    srgan, config = model(batch, kind)
    data = iter(tf.data.Dataset.from_tensors(photographs(side, batch)).repeat())
    steps = compiled_steps(srgan, tf.distribute.get_strategy(), config.train, jit)
    return lambda: steps(data, 1)


def public_tf(side: int, batch: int) -> Callable[[], object]:
    """Return the step as public TensorFlow SRGANs write it: D and VGG-19 whole, image by image."""
    import tensorflow as tf

    from srgan_keras import losses
    from srgan_keras.models.discriminators import whole
    from srgan_keras.models.vgg19 import build_features, build_vgg19
    from srgan_keras.training.srgan import to_float

    srgan, config = model(batch, "float32")
    vgg = build_vgg19("random")[0]
    d = whole(srgan.discriminator, config.discriminator, vgg)
    phi = build_features(vgg, config.vgg, {"content": config.vgg.layer})
    g, (lr, hr) = srgan.generator, photographs(side, batch)

    @tf.function
    def step() -> tf.Tensor:
        x, y = to_float(lr), to_float(hr)
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            sr = g(x, training=True)
            real, fake = d(y, training=True), d(sr, training=True)
            content = losses.content_loss(phi(y)["content"], phi(sr)["content"], "mse")
            g_loss = tf.reduce_mean(content + 1e-3 * losses.adversarial_loss(fake))
            d_loss = tf.reduce_mean(losses.discriminator_loss(real, fake))
        trained = g.trainable_variables, srgan.discriminator.trainable_variables
        srgan.optimizer.apply(g_tape.gradient(g_loss, trained[0]), trained[0])
        srgan.discriminator_optimizer.apply(d_tape.gradient(d_loss, trained[1]), trained[1])
        return g_loss

    return lambda: step().numpy()


def shared_flops(side: int) -> float:
    """Return 2 x MACs of the convolutions that the shared formulation needs for one image.

    G: forward, and backward to weights and to inputs. The trunk: on HR, on SR, and from SR's
    feature map back to SR. D's own convolutions: on both, backward to weights twice and to SR once.
    """
    import keras

    srgan, _ = model(1, "float32")

    def macs(network: keras.Model, shape: tuple) -> float:
        total, shapes = 0.0, {}
        twin = keras.models.clone_model(network, input_tensors=keras.Input(shape))
        for layer in twin.layers:
            if isinstance(layer, keras.layers.Conv2D):
                _, height, width, filters = layer.output.shape
                k, channels = layer.kernel_size, layer.input.shape[-1]
                total += height * width * filters * k[0] * k[1] * channels
                shapes[layer.name] = layer.output.shape
        return total

    g = macs(srgan.generator, (side // 4, side // 4, 3))
    trunk = macs(srgan.features, (side, side, 3))
    d = macs(srgan.discriminator, (side // 16, side // 16, 512))
    return 2 * (3 * g + 3 * trunk + 2 * d + 2 * d + d)


def memory(side: int) -> dict[str, object]:
    """Compare peak resident memory over what the imports take."""
    command = [sys.executable, __file__, "--side", str(side), "--peak-of"]
    results = {
        name: json.loads(subprocess.check_output([*command, name], text=True)) for name in MEMORY
    }
    grown = {name: r["peak"] - r["imported"] for name, r in results.items()}
    return {"mb": results, "vs_torch": round(grown["ours"] / grown["torch"], 3)}


def peak(side_of: str, side: int, batch: int) -> str:
    """Return JSON of the resident memory after the import and at the peak of three steps, in MB."""
    if side_of == "ours":
        import tensorflow as tf

        import srgan_keras.train  # noqa: F401

        tf.constant(0)
        before = rss()
        step = ours(side, batch, "float32", jit=False)
    else:
        import torch_step

        before = rss()
        step = torch_step.step(shared=True, bfloat16=False, side=side, batch=batch)
    for _ in range(3):
        step()
    return json.dumps({"imported": before, "peak": rss()})


def rss() -> float:
    """Return the peak resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
