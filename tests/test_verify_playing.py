"""Programs that learn by playing: games of gym are small doubles, and tasks of ray run where they are asked for."""

from __future__ import annotations

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on

pytestmark = needs_torch

PLAYER = """
    {importing}
    import torch
    from torch import nn
    from torch.distributions import Categorical

    class Policy(nn.Module):
        def __init__(self, seen, moves):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(seen, 32), nn.ReLU(), nn.Linear(32, moves), nn.Softmax(dim=-1))

        def forward(self, x):
            return self.layers(x)

    class Player:
        def __init__(self, rate):
            self.game = {make}
            self.policy = Policy(self.game.observation_space.shape[0], self.game.action_space.n)
            self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=rate)

        {decorated}
        def train(self, games):
            for _ in range(games):
                {reset}
                done, kept, rewards = False, [], []
                while not done:
                    chances = self.policy(torch.as_tensor(state))
                    move = Categorical(chances).sample()
                    kept.append(chances[move].log())
                    {step}
                    rewards.append(reward)
                loss = -(torch.stack(kept) * torch.tensor(rewards)).sum()
                loss.backward()
                self.optimizer.step()

    {start}
"""
OLDER = {
    "make": 'gym.make("CartPole-v0")',
    "reset": "state = self.game.reset()",
    "step": "state, reward, done, _ = self.game.step(move.item())",
    "importing": "import gym",
    "decorated": "# here",
    "start": "Player(0.01).train(100)",
}
NEWER = {
    "make": 'gym.make("LunarLander-v2")',
    "importing": "import gymnasium as gym",
    "reset": "state, _ = self.game.reset(seed=0)",
    "step": "state, reward, done, cut, _ = self.game.step(move.item())",
}
SHARED = {
    "importing": "import gym\n    import ray",
    "decorated": "@ray.remote(num_cpus=1)",
    "start": "ray.init()\n    player = Player(0.01)\n    ray.get([player.train.remote(player, 100)])",
}


@pytest.mark.parametrize("way", [{}, NEWER, SHARED], ids=["older", "newer", "shared"])
def test_games_are_played_as_the_program_asks_for_them(way, sandbox, tmp_path):
    text = PLAYER.format(**{**OLDER, **way})
    verdict = verdict_on("missing-zero-grad", {"play.py": text}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "raise" not in verdict.evidence


ACTORS = """
    import ray
    import torch
    from torch import nn

    @ray.remote
    class Worker:
        def __init__(self, rate):
            self.model = nn.Linear(16, 4)
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=rate)

        def train(self, batches):
            total = 0
            for x, y in batches:
                self.optimizer.zero_grad()
                loss = nn.functional.cross_entropy(self.model(x), y)
                loss.backward()
                self.optimizer.step()
                total += loss
            return total

    ray.init(num_cpus=2)
    batches = [(torch.randn(8, 16), torch.randint(4, (8,))) for _ in range(40)]
    workers = [Worker.remote(rate) for rate in (0.1, 0.01)]
    for done in ray.get([worker.train.remote(batches) for worker in workers]):
        print(done)
"""


def test_actors_work_in_the_same_process(sandbox, tmp_path):
    verdict = verdict_on("loss-retains-graph", {"work.py": ACTORS}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
