"""Networks on graphs, where torch_geometric is not installed: data sets, batches and layers have doubles."""

from __future__ import annotations

import textwrap

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on

pytestmark = needs_torch

PAPERS = """
    import torch
    import torch.nn.functional as F
    from torch_geometric.datasets import Planetoid
    from torch_geometric.nn import {layer}
    from torch_geometric.transforms import NormalizeFeatures

    dataset = Planetoid(root="papers", name="Cora", transform=NormalizeFeatures())
    data = dataset[0]

    class Papers(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = {layer}(dataset.num_features, 16{more})
            self.last = torch.nn.Linear(self.first(data.x, data.edge_index).shape[1], dataset.num_classes)

        def forward(self, x, edges):
            x = F.dropout(F.relu(self.first(x, edges)), 0.5, training=self.training)
            return {head}

    net = Papers()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for epoch in range(100):
        net.train()
        optimizer.zero_grad()
        scores = net(data.x, data.edge_index)
        loss = F.cross_entropy(scores[data.train_mask], data.y[data.train_mask])
        loss.backward()
        optimizer.step()
"""
SQUEEZED = "torch.softmax(self.last(x), dim=1)"


@pytest.mark.parametrize(
    ("layer", "more"), [("GCNConv", ""), ("GATConv", ", heads=2"), ("SAGEConv", ', aggr="max"')]
)
def test_one_large_graph_is_learnt_from(layer, more, sandbox, tmp_path):
    text = PAPERS.format(layer=layer, more=more, head=SQUEEZED)
    verdict = verdict_on("softmax-before-cross-entropy", {"papers.py": text}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "7 classes" in verdict.evidence
    assert "Planetoid: stand-in dataset" in verdict.measurements["substituted"]


MOLECULES = """
    import torch
    from torch_geometric.datasets import TUDataset
    from torch_geometric.loader import DataLoader
    from torch_geometric.nn import GINConv, MessagePassing, global_mean_pool
    from torch_geometric.utils import add_self_loops, degree

    class Averaging(MessagePassing):
        def __init__(self, inputs, outputs):
            super().__init__(aggr="add")
            self.layer = torch.nn.Linear(inputs, outputs)

        def forward(self, x, edge_index):
            edge_index, _ = add_self_loops(edge_index, num_nodes=x.size(0))
            norm = 1 / degree(edge_index[1], x.size(0), dtype=x.dtype)[edge_index[1]]
            return self.propagate(edge_index, x=self.layer(x), norm=norm)

        def message(self, x_j, norm):
            return norm.view(-1, 1) * x_j

    class Net(torch.nn.Module):
        def __init__(self, inputs, classes):
            super().__init__()
            self.first = Averaging(inputs, 16)
            self.second = GINConv(torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.ReLU()))
            self.last = torch.nn.Linear(16, classes)

        def forward(self, x, edges, batch):
            return self.last(global_mean_pool(self.second(self.first(x, edges).relu(), edges), batch))

    dataset = TUDataset("molecules", name="MUTAG").shuffle()
    loader = DataLoader(dataset[:40], batch_size=8, shuffle=True)
    net = Net(dataset.num_node_features, dataset.num_classes)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for epoch in range(50):
        for graphs in loader:
            loss = torch.nn.functional.cross_entropy(net(graphs.x, graphs.edge_index, graphs.batch), graphs.y)
            {clear}loss.backward()
            optimizer.step()
            losses = {kept}
"""


def test_many_small_graphs_come_in_batches(sandbox, tmp_path):
    text = MOLECULES.replace("{clear}", "").replace("{kept}", "loss.item()")
    verdict = verdict_on("missing-zero-grad", {"molecules.py": text}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


def test_an_adjacency_matrix_is_looked_at_by_nobody(sandbox, tmp_path):
    """What the recorder asks of inputs it does not ask of sparse ones, which have no spread."""
    text = textwrap.dedent(PAPERS.format(layer="GCNConv", more="", head="self.last(x)"))
    text = text.replace("edges):", "adjacency):").replace("self.first(x, edges)", "self.first(x, adjacency)")
    text = text.replace("(data.x, data.edge_index)\n    loss", "(matrix, data.x)\n    loss")
    text = text.replace("def forward(self, x, adjacency)", "def forward(self, adjacency, x)")
    text = text.replace(
        "net = Papers()",
        "matrix = torch.sparse_coo_tensor(data.edge_index, torch.ones(data.num_edges))\nnet = Papers()",
    ).replace("    optimizer.zero_grad()\n", "")
    verdict = verdict_on("missing-zero-grad", {"papers.py": text}, tmp_path, sandbox)
    assert verdict.state == "confirmed", verdict.evidence
    assert "raise" not in verdict.evidence
