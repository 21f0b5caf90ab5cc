"""The expression networks: VGG16 with and without DenseNet's last dense block."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

_VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)  # 0: pool
_RELU4_3, _RELU5_3 = 23, 30  # ends of slices of torchvision's vgg16().features
_FROZEN = 10  # conv1_1 .. pool2


def _vgg16_features(end: int) -> nn.Sequential:
    """The first layers of VGG16, numbered as in torchvision, which is not imported for them.

    It would bring torch's compiler into every worker: 150 MB and more than a second each.
    """
    layers: list[nn.Module] = []
    channels = 3
    for width in _VGG16:
        if width:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        else:
            layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers[:end])


class DenseLayer(nn.Module):
    """Norm, 1x1 convolution, norm, 3x3 convolution: `growth` new maps from all earlier ones."""

    def __init__(self, channels: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        inner = bottleneck * growth
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        reduced = self.conv1(self.norm1(maps).relu_())
        return self.conv2(self.norm2(reduced).relu_())  # type: ignore[no-any-return]


class DenseBlock(nn.Module):
    """Each layer sees the maps of all before it; names of weights as in torchvision."""

    def __init__(self, channels: int, layers: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        for k in range(layers):
            layer = DenseLayer(channels + k * growth, growth, bottleneck)
            self.add_module(f"denselayer{k + 1}", layer)

    def forward(self, maps: Tensor) -> Tensor:
        features = [maps]
        for layer in self.children():
            features.append(layer(torch.cat(features, dim=1)))
        return torch.cat(features, dim=1)


class ExpressionNetwork(nn.Module):
    """Base of both networks: convolutional maps, global average pooling, one linear layer.

    With this head Grad-CAM on the last maps has a closed form (`poise.expression.heatmap`).

    Attributes:
        backbone: The slice of VGG16's features that starts from ImageNet.
        head: What follows it up to the last maps; the identity in the baseline.
    """

    backbone: nn.Sequential
    head: nn.Module
    classifier: nn.Linear
    dropout: nn.Dropout

    def maps(self, images: Tensor) -> Tensor:
        """Last feature maps, non-negative.

        Args:
            images: Normalised images, float [N, 3, S, S].

        Returns:
            float [N, K, S/8, S/8] (`VGG16DenseNet`) or [N, K, S/16, S/16] (`VGG16Baseline`).
        """
        return torch.relu(self.head(self.backbone(images)))

    def forward(self, images: Tensor) -> Tensor:
        """Logits float [N, C] of normalised images, float [N, 3, S, S]."""
        logits: Tensor = self.classifier(self.dropout(self.maps(images).mean(dim=(2, 3))))
        return logits

    def freeze_stem(self) -> None:
        """Keep conv1 and conv2, which learn nothing new from small gray faces, as ImageNet's."""
        for parameter in self.backbone[:_FROZEN].parameters():
            parameter.requires_grad = False


class VGG16DenseNet(ExpressionNetwork):
    """VGG16 up to relu4_3, joined to DenseNet121's last dense block.

    The features of VGG16 enter the dense block without an adapter: both have 512 channels.

    Source: Kim and Park (Myongji University), transfer learning-based facial expression
        recognition for interview coaching; Simonyan and Zisserman, arXiv:1409.1556;
        Huang et al., arXiv:1608.06993.
    """

    head: nn.Sequential

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        block = DenseBlock(channels=512, layers=16, growth=32, bottleneck=4)
        channels = 512 + 16 * 32
        self.backbone = _vgg16_features(_RELU4_3)
        self.head = nn.Sequential(OrderedDict(denseblock4=block, norm5=nn.BatchNorm2d(channels)))
        for module in self.head.modules():
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                nn.init.kaiming_normal_(module.weight)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(channels, n_classes)


class VGG16Baseline(ExpressionNetwork):
    """The pretrained network alone: VGG16 up to relu5_3, global average pooling, classifier.

    Source: Simonyan and Zisserman, arXiv:1409.1556, with the pooling head of Kim and Park.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.backbone = _vgg16_features(_RELU5_3)
        self.head = nn.Identity()
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(512, n_classes)


ARCHITECTURES: dict[str, type[VGG16DenseNet] | type[VGG16Baseline]] = {
    "VGG16DenseNet": VGG16DenseNet,
    "VGG16Baseline": VGG16Baseline,
}
