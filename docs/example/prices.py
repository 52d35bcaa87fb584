"""Predict standardised house prices from eight columns."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rows = torch.randn(512, 8)
prices = rows @ torch.randn(8, 1) + 0.1 * torch.randn(512, 1)
prices = (prices - prices.mean()) / prices.std()
loader = DataLoader(TensorDataset(rows, prices), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

history = []
for epoch in range(30):
    for row, price in loader:
        loss = loss_fn(model(row), price)
        loss.backward()
        optimizer.step()
        history.append(loss)
print(f"last loss {history[-1].item():.3f}")
