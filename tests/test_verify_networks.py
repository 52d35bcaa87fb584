"""Networks that nothing here can feed, and those that other files hold: what is shown of how they are called."""

from __future__ import annotations

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on

pytestmark = needs_torch

GRAPH_NET = """
    import torch
    from torch import nn

    class GraphNet(nn.Module):
        def __init__(self, features, hidden, classes):
            super().__init__()
            self.first = nn.Linear(features, hidden)
            self.last = nn.Linear(hidden, classes)

        def forward(self, graph):
            nodes = self.first(graph.nodes).relu()
            gathered = torch.zeros_like(nodes).index_add(0, graph.edges[1], nodes[graph.edges[0]])
            return self.last(gathered)
"""
PREDICTING = """
    import torch
    from torch import nn
    from model import GraphNet

    class Pipeline:
        def __init__(self, **settings):
            self.__build(**settings["model"])

        def __build(self, **sizes):
            self.model = GraphNet(**sizes)
            self.optimizer = torch.optim.Adam(self.model.parameters())
            self.criterion = nn.CrossEntropyLoss()

        def train(self, dataset):
            for epoch in range(10):
                self.model.train()
                loss = self.criterion(self.model(dataset.graph), dataset.labels)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                print(self.predict(dataset))

        def predict(self, dataset):
            self.model.eval()
            scores = self.model(dataset.graph)
            found = scores[dataset.held_out].max(1)[1]
            return torch.eq(found, dataset.labels[dataset.held_out]).float().mean()
"""


def test_how_a_network_is_called_shows_though_nothing_here_is_a_graph(sandbox, tmp_path):
    files = {"model.py": GRAPH_NET, "pipeline.py": PREDICTING}
    verdict = verdict_on("missing-no-grad", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "structure")
    said = verdict.measurements["substituted"]
    assert "GraphNet: made-up outputs, for no inputs were found that it takes" in said


def test_outputs_are_not_made_up_of_a_network_that_may_cut_the_graph_itself(sandbox, tmp_path):
    cutting = GRAPH_NET.replace("graph.nodes)", "graph.nodes).detach()")
    verdict = verdict_on(
        "missing-no-grad", {"model.py": cutting, "pipeline.py": PREDICTING}, tmp_path, sandbox
    )
    assert verdict.state == "inconclusive"


SAMPLES = """
    import torch

    def make_pictures(loader, G, z, side=128):
        loader = iter(loader)
        pictures, _ = loader.next()
        rows = pictures.size(0)
        made = torch.FloatTensor(rows, 3, side, side)
        for i in range(rows):
            fake = G(pictures[i].unsqueeze(0), z[i].unsqueeze(0))
            made[i] = fake.data
        return made / 2 + 0.5
"""
SHOWING = """
    import torch
    from data import test_loader
    from networks import Generator
    from samples import make_pictures

    G = Generator()
    G.load_state_dict(torch.load("generator.pt", map_location="cpu"))
    G.eval()
    make_pictures(test_loader, G, torch.randn(4, 8))
"""


def test_a_generator_may_go_by_a_letter_and_an_iterator_be_asked_for_what_comes_next(sandbox, tmp_path):
    files = {"samples.py": SAMPLES, "show.py": SHOWING}
    verdict = verdict_on("missing-no-grad", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"


CARDS = """
    import os
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, args):
            super().__init__()
            os.environ["CUDA_VISIBLE_DEVICES"] = args["cards"]
            self.first = nn.Linear(16, 32)
            self.last = nn.Linear(32, 4)

        def forward(self, x):
            return self.last(self.first(x).relu())

        def predict(self, loader):
            self.eval()
            found = []
            for x, _ in loader:
                found.extend(self(x).argmax(1).tolist())
            return found
"""


def test_settings_that_are_not_here_stay_out_of_the_environment(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"net.py": CARDS}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_a_network_that_is_made_up_is_called_with_what_is_not_here_either():
    from torch import nn

    from trainlint.verify.child.rig.world import StandIn

    network = StandIn({"kind": "float", "shape": [16]}, [nn.Linear(16, 4)], 2)
    scores, further = network({}, name="nothing of use")
    assert scores.requires_grad
    assert scores.shape[1] == 4
    assert len(further) == len(scores)


VOLUMES = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv3d(1, 4, (4, 9, 9), stride=(1, 2, 1))
            self.second = nn.Conv3d(4, 4, (3, 7, 7))
            self.third = nn.Conv3d(4, 8, (3, 5, 5))
            self.last = nn.Linear(8 * 4 * 6 * 2, 10)

        def forward(self, x):
            x = self.third(self.second(self.first(x).relu()).relu()).relu()
            return self.last(x.view(-1, 8 * 4 * 6 * 2))

    def evaluate(loader):
        net = Net()
        net.load_state_dict(torch.load("net.pt", map_location="cpu"))
        net.eval()
        right = 0
        for x, y in loader:
            right += (net(x).argmax(1) == y).sum().item()
        return right
"""


def test_a_cube_grows_where_kernels_are_larger_than_it_is_and_until_its_features_fit(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"volumes.py": VOLUMES}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    shown = next(what for what in verdict.measurements["substituted"] if "stand-in inputs of" in what)
    assert shown != "data: stand-in inputs of 1x16x16x16, targets: classes"  # what its first layer would take


GRAPHS = """
    import torch
    from torch import nn

    class Layers(nn.Module):
        def __init__(self, width, depth):
            super().__init__()
            self.first = nn.Linear(width, width)
            self.layers = []
            for _ in range(depth):
                self.layers.append(nn.Linear(width, width))

        def forward(self, graph):
            h = self.first(graph.nodes)
            for layer in self.layers:
                h = layer(graph.spread(h)).relu()
            return h
"""


def test_weights_that_a_list_hides_show_in_a_network_that_nothing_here_can_feed(sandbox, tmp_path):
    verdict = verdict_on("unregistered-submodule", {"layers.py": GRAPHS}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "structure")
    assert "that the network keeps are in no `parameters()`" in verdict.evidence


def test_weights_that_a_network_keeps_twice_or_frozen_are_not_hidden():
    from torch import nn

    from trainlint.verify.child.rig.training import held

    network = nn.Sequential(nn.Linear(3, 4))
    network.again = [network[0], nn.ReLU()]
    network.teachers = {"old": nn.Linear(2, 2).requires_grad_(False)}
    assert held(network) == {"hidden": 0, "hidden_elements": 0, "elements": 16}
    network.more = {"by name": [(nn.Linear(1, 2), 7)]}
    assert held(network) == {"hidden": 2, "hidden_elements": 4, "elements": 20}


HELD = """
    import torch
    from torch import nn

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(5, 2)

        def forward(self, x):
            return self.last(x)

    class Coder(nn.Module):
        def __init__(self, width=12):
            super().__init__()
            self.down, self.up = nn.Linear(width, 4), nn.Linear(4, width)

        def forward(self, x):
            return self.up(self.down(x).tanh())

        def penalty(self):
            return self.down.weight.square().sum()
"""
FITTING = """
    import torch

    class Trainer:
        def __init__(self, model, optimizer, loader, schedule):
            self.model, self.optimizer, self.loader, self.lr_scheduler = model, optimizer, loader, schedule

        def train(self):
            total = 0
            for x, _ in self.loader:
                loss = (self.model(x) - x).square().mean() + 0.01 * self.model.penalty()
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss
            return total
"""


def test_a_network_is_of_the_class_that_has_what_is_asked_of_it(sandbox, tmp_path):
    files = {"nets.py": HELD, "trainer.py": FITTING}
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "model: the program's own Coder" in verdict.measurements["substituted"]


LOADED = """
    import torch

    def score(path, loader):
        net = torch.load(path, map_location="cpu").to("cpu")
        net.eval()
        found = []
        for x, y in loader:
            found.append(net(x).argmax(1).tolist())
        return found
"""


def test_a_network_that_is_loaded_whole_is_one(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"score.py": LOADED}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_what_is_loaded_and_taken_apart_is_no_network():
    from trainlint.verify.child.rig.wholes import whole_networks

    apart = "model = torch.load(p)\nnet.load_state_dict(model['net'])\nmodel.eval()"
    assert whole_networks(apart) == {}
    assert whole_networks("import torch\nself.net = torch.load(p).cuda()\nself.net(x)") == {2: "net"}
    assert whole_networks("state = torch.load(p)\nnet.load_state_dict(state)") == {}
