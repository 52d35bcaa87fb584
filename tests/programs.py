"""Programs with known defects that several rooms of tests lint or run."""

from __future__ import annotations

import sys

import pytest

from trainlint.verify.interpreter import has_torch

needs_torch = pytest.mark.skipif(not has_torch(sys.executable), reason="torch is not installed")

# line 7 no-lr-scheduler (advice), 13 missing-zero-grad (error), 14 loss-retains-graph (warning, safe fix)
TRAINING = """\
import torch
from torch import nn


def train(model, loader, epochs=20):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        total = 0
        for x, y in loader:
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss
        print(total)
"""
NAMES = ["no-lr-scheduler", "missing-zero-grad", "loss-retains-graph"]

# needs a `model`, such as the one of NET; its last line is missing-zero-grad
LOOP = """\
loader = [(torch.randn(4, 8), torch.randint(0, 3, (4,))) for _ in range(9)]
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""
NET = """\
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 3)

    def forward(self, x):
        return self.layer(x)
"""
