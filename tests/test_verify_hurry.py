"""Programs too slow for several epochs: each epoch gets a share of the time where there was none left for the later ones."""

from __future__ import annotations

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on

pytestmark = needs_torch

SLOW = """
    import time

    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 4))

        def forward(self, x):
            end = time.monotonic() + 0.15
            while time.monotonic() < end:
                pass
            return self.layers(x)

    data = TensorDataset(torch.randn(200, 16), torch.randint(4, (200,)))
    loader, held_out = DataLoader(data, batch_size=10, shuffle=True), DataLoader(data, batch_size=100)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net.train()
    for epoch in range(20):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            right = sum((net(x).argmax(1) == y).sum().item() for x, y in held_out)
        print(right / len(data))
"""


def test_what_only_the_second_epoch_shows_is_seen_of_a_slow_network(sandbox, tmp_path):
    verdict = verdict_on("stuck-in-eval-mode", {"train.py": SLOW}, tmp_path, sandbox, timeout=3.0)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
