"""Every setting there is: one frozen dataclass a part of the system; `configure.py` fills them."""

from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

import tyro

Schedule = Literal["constant", "cosine", "halving"]
Augmentation = Literal["horizontal_flip", "vertical_flip", "rotation", "colour"]
DegradationName = Literal["bicubic", "cv2_linear", "area", "gaussian", "clinical"]
PresetName = Literal["demo", "paper", "author", "fundus"]
PRESETS: tuple[str, ...] = get_args(PresetName)


@dataclass(frozen=True)
class Data:
    """Photographs, how they are cut and augmented."""

    source: Annotated[str, tyro.conf.arg(aliases=["--data"], metavar="SPEC")] = "phantom:64"
    """A folder of photographs, Kaggle's layout, a prepared folder, aptos2019, or phantom[:N]."""
    hr_long_side: int = 256
    """Photographs are scaled down to this long side, in px, never up; 0 keeps their size."""
    pyramid_levels: int = 1
    """Working resolutions: the long side and ever smaller ones; a crop is of one drawn evenly."""
    pyramid_ratio: float = 0.5
    """Long side of a working resolution over that of the one before."""
    fov_crop: bool = True
    """Crop photographs to the field of view first."""
    patch: int = 96
    """Side of a square HR patch, in px; smaller photographs are left out of training."""
    min_fov: float = 0.5
    """A crop with a smaller share of its pixels inside the field of view is drawn again."""
    rim_share: float = 0.0
    """Share of the crops for which one that shows the rim of the field of view is sought."""
    augment: tuple[Augmentation, ...] = ("horizontal_flip", "vertical_flip", "rotation")
    """The set T of Eq. (8), beside the random crop; rotation is by multiples of 90 degrees. colour,
    ours: brightness and the balance of the channels, for cameras that training never saw."""


Kernel = Literal["bicubic", "lanczos", "linear", "area", "gaussian"]


@dataclass(frozen=True)
class Clinical:
    """Faults of degradation clinical, version 2.

    A *_share is the share of the photographs that have the fault. A pair is the range that its
    amount is drawn from.
    """

    clean_share: float = 0.2
    """Photographs without any fault: their LR is that of bicubic."""
    strength: float = 1.0
    """Factor on all amounts; on JPEG, factor on 100 minus the quality."""
    veil_share: float = 0.6
    """Haze of the eye's media: T^2 x retina + (1 - T) x veil, with transmission T."""
    veil_depth: tuple[float, float] = (0.05, 0.45)
    """1 - T where the veil is thickest."""
    veil_level: tuple[float, float] = (0.5, 1.1)
    """Brightness of the veil, where 1 is white."""
    falloff_share: float = 0.5
    """Light lost with the squared distance from a brightest point."""
    falloff_depth: tuple[float, float] = (0.1, 0.6)
    """Share of the light lost at 0.75 diameters of the field of view."""
    shadow_share: float = 0.25
    """Darkness in a patch or from one side."""
    shadow_depth: tuple[float, float] = (0.1, 0.6)
    """Share of the light lost in the shadow."""
    halo_share: float = 0.35
    """Coloured light that leaks in at the FOV edge."""
    halo_level: tuple[float, float] = (0.2, 1.2)
    """Brightness at the FOV edge, where 1 is white."""
    lashes_share: float = 0.15
    """Streaks of eyelashes."""
    lashes_depth: tuple[float, float] = (0.03, 0.25)
    """Share of the light lost in the middle of a streak."""
    dust_share: float = 0.15
    """Spots on the lens."""
    dust_count: tuple[int, int] = (1, 6)
    """Spots per photograph."""
    dust_depth: tuple[float, float] = (0.05, 0.3)
    """Share of the light lost in the middle of a spot."""
    cast_share: float = 0.6
    """Other exposure and colour balance."""
    exposure: tuple[float, float] = (-0.3, 0.2)
    """Natural logarithm of the gain of all channels."""
    cast: tuple[float, float] = (-0.12, 0.12)
    """Natural logarithm of the further gain of each channel."""
    defocus_share: float = 0.7
    """Blur by a disc or an elliptical Gaussian."""
    defocus: tuple[float, float] = (0.2, 2.0)
    """Standard deviation, in thousandths of the frame's long side."""
    motion_share: float = 0.2
    """Blur along a line."""
    motion: tuple[float, float] = (1.0, 6.0)
    """Length of the line, in thousandths of the frame's long side."""
    kernels: tuple[Kernel, ...] = ("bicubic", "lanczos", "linear", "area", "gaussian")
    """Kernels of the reduction, one drawn per photograph. At scale 1 none is applied."""
    noise_share: float = 0.7
    """Noise of variance read^2 + shot x signal, in grey levels."""
    read_noise: tuple[float, float] = (0.0, 2.5)
    """Standard deviation in the dark, in grey levels."""
    shot_noise: tuple[float, float] = (0.0, 0.15)
    """Variance per grey level of signal."""
    jpeg_share: float = 0.7
    """JPEG compression."""
    jpeg_quality: tuple[int, int] = (40, 95)
    """Quality, as OpenCV counts it."""
    jpeg_again_share: float = 0.25
    """Share of the compressed photographs that are compressed twice, on another grid of blocks."""


@dataclass(frozen=True)
class Degradation:
    """How an LR photograph is made from an HR one."""

    name: DegradationName = "bicubic"
    """bicubic: antialiased, as MATLAB's imresize. cv2_linear: cv2.resize's default. area: mean of
    blocks. gaussian: blur of 0.4 LR px, then samples. clinical: bicubic, then defocus, illumination
    falloff, sensor noise and JPEG in random order and strength."""
    version: int | None = None
    """Version of the degradation. Default: the newest."""
    scale: int = 4
    """HR side over LR side; a power of two."""
    clinical: Clinical = field(default_factory=Clinical)
    """Faults of clinical, version 2."""


@dataclass(frozen=True)
class Generator:
    """The super-resolving network G of Eq. (1)."""

    blocks: int = 4
    """Residual blocks, Eq. (6)."""
    filters: int = 32
    """Channels of the residual blocks."""
    upsampling: Literal["steps", "direct"] = "direct"
    """steps: a PixelShuffle each doubling, then the last convolution. direct: one to the image."""
    upsample_filters: int = 64
    """steps: channels after each doubling."""
    batch_norm: bool = False
    """Batch normalisation in the residual blocks."""
    activation: Literal["leaky_relu", "relu"] = "leaky_relu"
    """LeakyReLU has slope 0.2."""
    head_kernel: int = 3
    """Kernel of the first convolution, in LR px."""
    tail_kernel: int = 3
    """Kernel of the last convolution, in HR px (direct: in LR px)."""
    output: Literal["linear", "tanh"] = "linear"
    """Activation of the last convolution."""
    bicubic_skip: bool = True
    """Add the bicubically enlarged input: the network learns the difference alone."""
    normalisation: Literal["training_set", "symmetric"] = "training_set"
    """training_set: Eq. (7), per channel. symmetric: 0..255 to -1..1."""


@dataclass(frozen=True)
class Discriminator:
    """The network D of Eq. (2); it returns logits, losses and logs apply the sigmoid."""

    kind: Literal["vgg19", "srgan", "dcgan"] = "vgg19"
    """vgg19: the paper's text. srgan: Ledig et al. 2017. dcgan: the author's code."""
    trunk_layer: str = "block5_conv4"
    """vgg19: the VGG-19 layer after which the extra convolutions begin."""
    frozen_blocks: int = 4
    """vgg19: the blocks of the trunk that keep their weights and serve the content loss too."""
    feature_scale: float = 1 / 12.75
    """vgg19: factor on the trunk's feature map, before the extra convolutions."""
    filters: int = 512
    """vgg19: channels of the extra convolutions."""
    dense_units: int = 1024
    """vgg19, srgan: units of the hidden dense layer."""
    pixel_shuffles: bool = False
    """vgg19: the literal reading of Figure 3, with two PixelShuffles in the head."""


@dataclass(frozen=True)
class Vgg:
    """The VGG-19 feature network of the content loss, Eq. (3)."""

    weights: str = "auto"
    """auto, imagenet, random, or the path of a weight file (include_top=False)."""
    layer: str = "block5_conv4"
    """Feature map phi_i,j: block{i}_conv{j}, or block{i}_pool."""
    before_activation: bool = False
    """Take the feature map before its ReLU."""
    preprocessing: Literal["caffe", "none"] = "caffe"
    """caffe: BGR, ImageNet means subtracted. none: RGB in 0..255 as it is."""
    pooling: Literal["max", "average"] = "max"
    """average: Gatys et al. 2016; in the frozen part of discriminator vgg19, too."""
    feature_scale: float = 1 / 12.75
    """Factor on the feature maps."""


@dataclass(frozen=True)
class Loss:
    """Generator loss, Eq. (4), of both stages. Pixel terms are on images in 0..1."""

    pixel: Literal["mae", "mse"] = "mae"
    """Norm of the pixel term."""
    content: Literal["mae", "mse"] = "mse"
    """Norm of the content term; Eq. (3) has mse."""
    stage1_pixel_weight: float = 1.0
    """Weight of the pixel term in stage 1."""
    stage1_content_weight: float = 0.0
    """Weight of the content term in stage 1."""
    stage2_pixel_weight: float = 1.0
    """Weight of the pixel term in stage 2."""
    stage2_content_weight: float = 1e-3
    """Weight of the content term in stage 2."""
    adversarial_weight: float = 1e-4
    """lambda of Eq. (4)."""
    grid_weight: float = 0.0
    """Stage 2: weight of a penalty on what repeats with the period of a PixelShuffle in SR - HR."""
    feature_jitter: int = 0
    """VGG-19 sees HR and SR from a corner drawn each step from 0 .. feature_jitter px, against a
    grid in SR of its poolings' period."""


@dataclass(frozen=True)
class Train:
    """Stage 1 trains G without D, on the terms of loss.stage1_*; stage 2 trains G against D."""

    init_from: str | None = None
    """A model's name or folder whose weights and normalisation G starts from."""
    stage1_epochs: float | None = None
    """Epochs of stage 1; an epoch shows as many crops as there are training photographs."""
    stage1_steps: int | None = 1
    """Steps of stage 1."""
    stage2_epochs: float | None = None
    """Epochs of stage 2."""
    stage2_steps: int | None = 1
    """Steps of stage 2."""
    batch_size: int = 16
    """Patches a step, over all devices."""
    accumulate: int = 1
    """Parts of a device's patches that are computed one after another, to save memory."""
    stage1_learning_rate: float = 5e-4
    """Adam's learning rate in stage 1."""
    stage2_learning_rate: float = 1e-4
    """Adam's learning rate of the generator in stage 2."""
    discriminator_learning_rate: float = 1e-4
    """Adam's learning rate of the discriminator."""
    stage1_schedule: Schedule = "cosine"
    """cosine: decays to a hundredth over the stage."""
    stage2_schedule: Schedule = "constant"
    """halving: halved every halving_epochs."""
    halving_epochs: float = 500.0
    """Epochs between two halvings."""
    clip_norm: float = 0.0
    """Gradients of a network with a larger global norm are scaled down to it; 0: never."""
    ema_decay: float = 0.0
    """Decay a step of the moving average of G's weights that is measured and exported; 0: none."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    """auto: float32 on a CPU without bfloat16 units, else mixed_bfloat16 (older GPUs: float16)."""
    jit: Literal["auto", "on", "off"] = "auto"
    """XLA. auto: a few timed steps of each kind decide."""
    strategy: Literal["auto", "default", "mirrored", "multi_worker", "tpu"] = "auto"
    """auto: multi_worker where TF_CONFIG names several, mirrored where there are several GPUs."""
    seed: int = 1
    """Weights, data order and augmentation are functions of it."""
    deterministic: bool = False
    """Only operations that give the same bits each time; may be slower."""
    steps_per_call: int = 10
    """Steps in one call of the compiled function."""
    log_every_steps: int = 50
    """Steps a row of history.csv averages over."""
    checkpoint_every_steps: int = 250
    """Steps between two checkpoints."""
    validate_every_steps: int = 500
    """Steps between two measurements of the validation photographs, with a sample strip."""
    keep_checkpoints: int = 3
    """Last checkpoints kept, beside each stage's best by val_psnr."""


@dataclass(frozen=True)
class Eval:
    """The measurement at the end of a run, on the photographs of the test split."""

    protocols: tuple[Literal["standard", "author"], ...] = ("standard", "author")
    """Protocols to measure by; none: nothing is measured, and there is no report."""
    hr_long_side: int | None = None
    """Long side in protocol standard, in px; None takes data.hr_long_side."""


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    degradation: Degradation = field(default_factory=Degradation)
    generator: Generator = field(default_factory=Generator)
    discriminator: Discriminator = field(default_factory=Discriminator)
    vgg: Vgg = field(default_factory=Vgg)
    loss: Loss = field(default_factory=Loss)
    train: Train = field(default_factory=Train)
    eval: Eval = field(default_factory=Eval)
