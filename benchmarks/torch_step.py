"""The step of `train_step.py` in PyTorch: the same networks, as public SRGANs write it and ours."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

VGG = [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4]


class Residual(nn.Module):
    """Two convolutions with batch normalisation, Eq. (6)."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.LeakyReLU(0.2),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return F(x) = x + H(x)."""
        return x + self.body(x)


class Generator(nn.Module):
    """The paper's generator: LR [N, 3, h, w] -> SR [N, 3, 4h, 4w]."""

    def __init__(self, blocks: int = 16, filters: int = 64) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, filters, 9, padding=4), nn.LeakyReLU(0.2))
        body = [Residual(filters) for _ in range(blocks)]
        body += [nn.Conv2d(filters, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters)]
        self.body = nn.Sequential(*body)
        up = []
        for _ in range(2):
            up += [nn.Conv2d(filters, 4 * filters, 3, padding=1), nn.PixelShuffle(2)]
            up += [nn.LeakyReLU(0.2)]
        self.tail = nn.Sequential(*up, nn.Conv2d(filters, 3, 9, padding=4))

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        """Return SR."""
        x = self.head(lr)
        return self.tail(x + self.body(x))


def trunk() -> nn.Sequential:
    """Return VGG-19 up to block5_conv4, frozen."""
    layers, channels = [], 3
    for width in VGG:
        if width == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers).requires_grad_(False)


def head() -> nn.Sequential:
    """Return D's extra convolutions and dense layers."""
    layers = []
    for _ in range(2):
        layers += [nn.Conv2d(512, 512, 3, padding=1), nn.LeakyReLU(0.2)]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers += [nn.Linear(512, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1)]
    return nn.Sequential(*layers)


def step(shared: bool, bfloat16: bool, side: int, batch: int) -> Callable[[], float]:
    """Return a training step of both networks on one fixed batch; channels_last.

    Args:
        shared: one pass of the trunk an image, as ours. False: D and the content loss called
            apart, D on SR once for its own loss and once for the generator's.
        bfloat16: autocast.
        side: of HR, px.
        batch: images.
    """
    torch.manual_seed(0)
    networks = Generator(), trunk(), head()
    g, phi, d = (network.to(memory_format=torch.channels_last) for network in networks)
    optimizers = [torch.optim.Adam(n.parameters(), 1e-4) for n in (g, d)]
    hr = torch.rand(batch, 3, side, side).to(memory_format=torch.channels_last)
    lr = hr[:, :, ::4, ::4].contiguous(memory_format=torch.channels_last)

    def d_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def g_loss(content: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return content + 1e-3 * F.softplus(-fake).mean()

    def public() -> float:
        g_optimizer, d_optimizer = optimizers
        sr = g(lr)
        d_optimizer.zero_grad()
        d_loss(d(phi(hr)), d(phi(sr.detach()))).backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        loss = g_loss(F.mse_loss(phi(sr), phi(hr)), d(phi(sr)))
        loss.backward()
        g_optimizer.step()
        return loss.item()

    def sharing() -> float:
        with torch.no_grad():
            hr_maps = phi(hr)
        sr = g(lr)
        sr_maps = phi(sr)
        fake = d(sr_maps)
        loss = g_loss(F.mse_loss(sr_maps, hr_maps), fake)
        of_d = d_loss(d(hr_maps), fake)
        g_weights, d_weights = list(g.parameters()), list(d.parameters())
        g_gradients = torch.autograd.grad(loss, g_weights, retain_graph=True)
        d_gradients = torch.autograd.grad(of_d, d_weights)
        for weights, gradients in ((g_weights, g_gradients), (d_weights, d_gradients)):
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
        for optimizer in optimizers:
            optimizer.step()
        return loss.item()

    def run() -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return sharing() if shared else public()

    return run
