"""All settings of a run, in one frozen dataclass for each part; `configure.py` fills them."""

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal, get_args

from tyro.conf import arg

from srgan_keras.ranges import (
    Amount,
    Count,
    Epochs,
    Logarithm,
    Positive,
    Quality,
    Ratio,
    Share,
    Size,
)

Schedule = Literal["constant", "cosine", "halving"]
Augmentation = Literal["horizontal_flip", "vertical_flip", "rotation", "colour"]
DegradationName = Literal["bicubic", "cv2_linear", "area", "gaussian", "clinical", "paired"]
PresetName = Literal["demo", "paper", "author", "fundus", "restore", "real", "fast"]
FovMask = Literal[1, 2, 3, 4]
"""Versions of `srgan_keras.data.fov.fov_mask`."""
PRESETS: tuple[str, ...] = get_args(PresetName)
Dataset = Annotated[str, arg(metavar="DATASET")]
"""A command's argument that `srgan_keras.data.datasets` reads."""


@dataclass(frozen=True)
class Data:
    """Photographs, and how training crops and augments them."""

    source: Annotated[Dataset, arg(aliases=["--data"])] = "phantom:64"
    """Folder of photographs, paired or preprocessed dataset, aptos2019, or phantom[:N]."""
    hr_long_side: Size = 256
    """Long side in px. Larger photographs are scaled down; 0 keeps all sizes."""
    pyramid_levels: Count = 1
    """Number of working resolutions: the long side and smaller ones. A crop is from one of them."""
    pyramid_ratio: Ratio = 0.5
    """Long side of a working resolution over that of the next larger one."""
    fov_crop: bool = True
    """Crop to the field of view before scaling."""
    fov_mask: Annotated[FovMask | None, arg(aliases=["--fov-mask"])] = None
    """Version of the field-of-view mask; None: 1, or that of a preprocessed dataset."""
    patch: Count = 96
    """Side of a square HR patch in px; training skips smaller photographs."""
    min_fov: Share = 0.5
    """Least share of a crop inside the field of view, 0 to 1; training draws other crops again."""
    rim_share: Share = 0.0
    """Share of the crops that should show the edge of the field of view, 0 to 1."""
    augment: tuple[Augmentation, ...] = ("horizontal_flip", "vertical_flip", "rotation")
    """The set T of Eq. (8) without the random crop. rotation: by multiples of 90 degrees.
    colour (not in the paper): brightness and channel balance, for cameras unseen in training."""


Kernel = Literal["bicubic", "lanczos", "linear", "area", "gaussian"]


@dataclass(frozen=True)
class Clinical:
    """Faults of degradation clinical, version 2.

    A *_share is the share of the photographs that have the fault. A pair is the range that its
    amount is drawn from.
    """

    clean_share: Share = 0.2
    """Photographs without any fault: their LR is that of bicubic."""
    strength: Amount = 1.0
    """Factor on all amounts; on JPEG, factor on 100 minus the quality."""
    veil_share: Share = 0.6
    """Haze of the eye's media: T^2 x retina + (1 - T) x veil, with transmission T."""
    veil_depth: tuple[Share, Share] = (0.05, 0.45)
    """1 - T where the veil is thickest."""
    veil_level: tuple[Amount, Amount] = (0.5, 1.1)
    """Brightness of the veil, where 1 is white."""
    falloff_share: Share = 0.5
    """Light lost with the squared distance from a brightest point."""
    falloff_depth: tuple[Share, Share] = (0.1, 0.6)
    """Share of the light lost at 0.75 diameters of the field of view."""
    shadow_share: Share = 0.25
    """Darkness in a patch or from one side."""
    shadow_depth: tuple[Share, Share] = (0.1, 0.6)
    """Share of the light lost in the shadow."""
    sheen_share: Share = 0.3
    """Patchy haze and reflexes of the nerve fibre layer: irregular light and dark blotches."""
    sheen_depth: tuple[Share, Share] = (0.02, 0.08)
    """Standard deviation of the blotches, as a share of the light."""
    halo_share: Share = 0.35
    """Coloured light that leaks in at the FOV edge."""
    halo_level: tuple[Amount, Amount] = (0.2, 1.2)
    """Brightness at the FOV edge, where 1 is white."""
    lashes_share: Share = 0.15
    """Streaks of eyelashes."""
    lashes_depth: tuple[Share, Share] = (0.03, 0.25)
    """Share of the light lost in the middle of a streak."""
    dust_share: Share = 0.15
    """Spots on the lens."""
    dust_count: tuple[Size, Size] = (1, 6)
    """Spots per photograph."""
    dust_depth: tuple[Share, Share] = (0.05, 0.3)
    """Share of the light lost in the middle of a spot."""
    cast_share: Share = 0.6
    """Other exposure and colour balance."""
    exposure: tuple[Logarithm, Logarithm] = (-0.3, 0.2)
    """Natural logarithm of the gain of all channels."""
    cast: tuple[Logarithm, Logarithm] = (-0.12, 0.12)
    """Natural logarithm of the further gain of each channel."""
    scatter_share: Share = 0.5
    """Light that a cloudy medium spreads over a wide angle."""
    scatter_depth: tuple[Share, Share] = (0.1, 0.6)
    """Share of the light that is spread."""
    scatter_width: tuple[Positive, Positive] = (3.0, 12.0)
    """Standard deviation of the spread, in thousandths of the frame's long side."""
    defocus_share: Share = 0.7
    """Blur by a disc or an elliptical Gaussian."""
    defocus: tuple[Amount, Amount] = (0.2, 2.5)
    """Standard deviation, in thousandths of the frame's long side."""
    motion_share: Share = 0.2
    """Blur along a line."""
    motion: tuple[Amount, Amount] = (1.0, 6.0)
    """Length of the line, in thousandths of the frame's long side."""
    kernels: tuple[Kernel, ...] = ("bicubic", "lanczos", "linear", "area", "gaussian")
    """Kernels of the reduction, one drawn per photograph. At scale 1 none is applied."""
    noise_share: Share = 0.7
    """Noise of variance read^2 + shot x signal, in grey levels."""
    read_noise: tuple[Amount, Amount] = (0.0, 2.5)
    """Standard deviation in the dark, in grey levels."""
    shot_noise: tuple[Amount, Amount] = (0.0, 0.15)
    """Variance per grey level of signal."""
    jpeg_share: Share = 0.7
    """JPEG compression."""
    jpeg_quality: tuple[Quality, Quality] = (40, 95)
    """Quality, as OpenCV counts it."""
    jpeg_again_share: Share = 0.25
    """Share of the compressed photographs that are compressed twice, on another grid of blocks."""


@dataclass(frozen=True)
class Degradation:
    """The operator that makes an LR photograph from an HR one.

    Version 2 of clinical has the faults of degradation.clinical. Version 1 is bicubic, then
    defocus, illumination falloff, sensor noise and JPEG, in random order and strength.
    """

    name: DegradationName = "bicubic"
    """bicubic: antialiased, as MATLAB's imresize. cv2_linear: cv2.resize's default.
    area: mean of blocks. gaussian: blur of 0.4 LR px, then sampling. clinical: see above.
    paired: LR of a paired dataset, which sets this name itself."""
    version: Count | None = None
    """Version of the operator; None: the newest."""
    scale: int = 4
    """HR side over LR side: 1 (restoration at the size of the input), 2, 4 or 8."""
    clinical: Clinical = field(default_factory=Clinical)
    """Faults of clinical, version 2."""


@dataclass(frozen=True)
class Generator:
    """The super-resolution network G of Eq. (1)."""

    blocks: Count = 4
    """Number of residual blocks, Eq. (6)."""
    filters: Count = 32
    """Channels of the residual blocks."""
    upsampling: Literal["steps", "direct"] = "direct"
    """steps: a PixelShuffle per doubling, then the last convolution. direct: one PixelShuffle."""
    upsample_filters: Count = 64
    """Channels after each doubling (steps)."""
    batch_norm: bool = False
    """Batch normalisation in the residual blocks."""
    activation: Literal["leaky_relu", "relu"] = "leaky_relu"
    """Activation of the hidden layers; leaky_relu has a slope of 0.2."""
    head_kernel: Count = 3
    """Kernel side of the first convolution in LR px."""
    tail_kernel: Count = 3
    """Kernel side of the last convolution in HR px (direct: in LR px)."""
    output: Literal["linear", "tanh"] = "linear"
    """Activation of the last convolution."""
    bicubic_skip: bool = True
    """Add the input, upscaled bicubically: the network learns only the difference."""
    normalisation: Literal["training_set", "symmetric"] = "training_set"
    """Scaling of the input. training_set: Eq. (7), per channel. symmetric: 0..255 to -1..1."""
    unshuffle: Count | None = None
    """Side of the squares of LR px that become channels before the first convolution: 1, 2, 4 or 8.
    None: 4 at scale 1, otherwise 1."""
    wide_blocks: Size = 0
    """Residual blocks of a branch that evens out haze and light before the others. It sees squares
    of 8 x 8 LR px as one position. 0: no such branch."""

    @classmethod
    def of(cls, saved: dict[str, Any]) -> "Generator":
        """Return the architecture of a model.json: settings newer than it have their defaults."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in saved.items() if name in known})

    def fold(self, scale: int) -> int:
        """Return `unshuffle`, or its default at a scale."""
        # at scale 1 the residual blocks then see four times as far, at a sixteenth of the cost
        return self.unshuffle or (4 if scale == 1 else 1)


@dataclass(frozen=True)
class Discriminator:
    """The network D of Eq. (2), which returns logits; losses and logs apply the sigmoid."""

    kind: Literal["vgg19", "srgan", "dcgan"] = "vgg19"
    """Architecture. vgg19: the paper's text. srgan: Ledig et al. 2017. dcgan: the author's code."""
    trunk_layer: str = "block5_conv4"
    """VGG-19 layer that the extra convolutions follow (vgg19)."""
    frozen_blocks: Size = 4
    """Blocks of the trunk that keep their weights, and that the content loss uses too (vgg19)."""
    feature_scale: Positive = 1 / 12.75
    """Factor on the feature map of the trunk, before the extra convolutions (vgg19)."""
    filters: Count = 512
    """Channels of the extra convolutions (vgg19)."""
    dense_units: Count = 1024
    """Units of the hidden dense layer (vgg19, srgan)."""
    pixel_shuffles: bool = False
    """Two PixelShuffles in the head, the literal reading of Figure 3 (vgg19)."""


@dataclass(frozen=True)
class Vgg:
    """The VGG-19 feature network of the content loss, Eq. (3)."""

    weights: str = "auto"
    """auto: bundled, or imagenet if a layer is deeper than block 3. bundled: blocks 1 to 3.
    imagenet: Keras's cache, else its download. Also random, or the path of a weight file.
    A weight file holds VGG-19 without its top (include_top=False)."""
    layer: str = "block5_conv4"
    """Layer of the feature map phi_i,j: block{i}_conv{j}, or block{i}_pool."""
    before_activation: bool = False
    """Feature map before its ReLU, instead of after it."""
    preprocessing: Literal["caffe", "none"] = "caffe"
    """Form of the input. caffe: BGR without ImageNet's means. none: RGB in 0..255."""
    pooling: Literal["max", "average"] = "max"
    """Pooling, also of the frozen blocks of discriminator vgg19. average: Gatys et al. 2016."""
    feature_scale: Positive = 1 / 12.75
    """Factor on the feature maps."""


@dataclass(frozen=True)
class Loss:
    """The generator loss of both stages, Eq. (4). Pixel terms take images in 0..1."""

    pixel: Literal["mae", "mse", "psnr"] = "mae"
    """Norm of the pixel term. psnr: logarithm of mse, so that a photograph counts by its PSNR."""
    content: Literal["mae", "mse"] = "mse"
    """Norm of the content term; mse in Eq. (3)."""
    stage1_pixel_weight: Amount = 1.0
    """Weight of the pixel term in stage 1."""
    stage1_content_weight: Amount = 0.0
    """Weight of the content term in stage 1."""
    stage2_pixel_weight: Amount = 1.0
    """Weight of the pixel term in stage 2."""
    stage2_content_weight: Amount = 1e-3
    """Weight of the content term in stage 2."""
    adversarial_weight: Amount = 1e-4
    """Weight of the adversarial term in stage 2, lambda of Eq. (4)."""
    structure_weight: Amount = 0.0
    """Weight in both stages of 1 - the structure term of SSIM, which brightness and contrast leave
    as it is."""
    contrast_weight: Amount = 0.0
    """Weight in both stages of 1 - the contrast term of SSIM. It keeps the contrast of detail that
    the pixel and structure terms let fade."""
    grid_weight: Amount = 0.0
    """Weight in stage 2 of the part of SR - HR that repeats with the period of a PixelShuffle."""
    feature_jitter: Size = 0
    """Largest shift in px, drawn per step, of the images that VGG-19 sees.
    It keeps a grid with the period of VGG-19's pooling out of SR."""


@dataclass(frozen=True)
class Train:
    """Stage 1 trains G without D, on the terms loss.stage1_*; stage 2 trains G against D."""

    init_from: Annotated[str | None, arg(metavar="MODEL")] = None
    """Pretrained model, or model folder, whose weights and normalisation G starts from."""
    teacher: Annotated[str | None, arg(metavar="MODEL")] = None
    """Pretrained model, or model folder, whose SR replaces HR in the pixel term of stage 1. It
    teaches a smaller G: its SR has no detail that LR does not tell."""
    stage1_epochs: Epochs | None = None
    """Epochs of stage 1; in an epoch, training sees as many crops as there are photographs."""
    stage1_steps: Size | None = 1
    """Steps of stage 1, instead of epochs."""
    stage2_epochs: Epochs | None = None
    """Epochs of stage 2."""
    stage2_steps: Size | None = 1
    """Steps of stage 2, instead of epochs."""
    batch_size: Count = 16
    """Patches per step, over all devices."""
    accumulate: Count = 1
    """Parts of the patches of a device, computed in sequence to save memory."""
    stage1_learning_rate: Amount = 5e-4
    """Adam's learning rate in stage 1."""
    stage2_learning_rate: Amount = 1e-4
    """Adam's learning rate of the generator in stage 2."""
    discriminator_learning_rate: Amount = 1e-4
    """Adam's learning rate of the discriminator."""
    stage1_schedule: Schedule = "cosine"
    """Decay in stage 1. cosine: to a hundredth over the stage. halving: see halving_epochs."""
    stage2_schedule: Schedule = "constant"
    """Decay of both networks' learning rates in stage 2."""
    halving_epochs: Positive = 500.0
    """Epochs between two halvings of the learning rate (halving)."""
    clip_norm: Amount = 0.0
    """Largest global norm of a network's gradients; larger ones are scaled down; 0: no limit."""
    ema_decay: Share = 0.0
    """Decay per step of the EMA weights, which are measured and exported; 0: no EMA."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    """Number format. auto: float32 on a CPU without bfloat16 units, otherwise mixed_bfloat16
    (mixed_float16 on an older GPU)."""
    jit: Literal["auto", "on", "off"] = "auto"
    """Compilation by XLA. auto: the faster in a few timed steps of each."""
    strategy: Literal["auto", "default", "mirrored", "multi_worker", "tpu"] = "auto"
    """Distribution. auto: multi_worker if TF_CONFIG names several workers, mirrored for several
    GPUs, otherwise default."""
    seed: Size = 1
    """Seed of weights, data order and augmentation."""
    deterministic: bool = False
    """Use only operations that give the same bits each time; may be slower."""
    steps_per_call: Count = 10
    """Steps per call of the compiled function."""
    log_every_steps: Count = 50
    """Steps per row of history.csv."""
    checkpoint_every_steps: Count = 250
    """Steps between two checkpoints."""
    validate_every_steps: Count = 500
    """Steps between two measurements of the validation photographs, each with a sample strip."""
    keep_checkpoints: Count = 3
    """Number of last checkpoints to keep; the best of each stage by val_psnr is kept too."""


@dataclass(frozen=True)
class Eval:
    """The measurement of the test split at the end of a run."""

    protocols: tuple[Literal["standard", "author"], ...] = ("standard", "author")
    """Protocols of the measurement; without any, the run has no metrics and no report."""
    hr_long_side: Size | None = None
    """Long side of HR in px (standard); None: data.hr_long_side."""


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
