"""MTCNN's networks against those of facenet-pytorch, whose weights they use."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import poise.faces.detection.mtcnn
from poise.errors import ModelError
from poise.faces.detection.mtcnn import ONet, PNet, RNet, load_pretrained

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("ours", "size"),
    [(PNet, (12, 12)), (PNet, (37, 54)), (PNet, (36, 55)), (RNet, (24, 24)), (ONet, (48, 48))],
)
def test_they_compute_the_same(ours: type[nn.Module], size: tuple[int, int]) -> None:
    from facenet_pytorch.models import mtcnn as stock

    theirs = getattr(stock, ours.__name__)
    torch.manual_seed(0)
    images = torch.rand(3, 3, *size) * 2 - 1
    with torch.inference_mode():
        network = load_pretrained(ours(), CPU)
        mine, expected = network(images), theirs()(images)
        if isinstance(network, PNet):  # corrects only where it is asked
            everywhere = network.correction(mine[0].permute(0, 2, 3, 1))
            mine = (everywhere.permute(0, 3, 1, 2), mine[1])
    for a, b in zip(mine[:-1], expected[:-1], strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(mine[-1], expected[-1][:, 1], atol=1e-5, rtol=1e-4)


def test_without_facenet_pytorch_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poise.faces.detection.mtcnn, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="weights are missing") as caught:
        load_pretrained(PNet(), CPU)
    assert "pip install" in caught.value.remedy
