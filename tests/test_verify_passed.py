"""What a name stands for by what becomes of it: handed on, looked up by a text, cut into batches, by default None."""

from __future__ import annotations

import ast
import textwrap

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import NET, verdict_on
from trainlint.verify.cut import cut
from trainlint.verify.free import free_names
from trainlint.verify.roles import find_roles

pytestmark = needs_torch


def roles(text):
    tree = ast.parse(textwrap.dedent(text))
    return find_roles(tree, free_names(tree))


def test_a_name_has_the_role_of_the_parameter_that_it_is_handed_over_as():
    found = roles("""
        def evaluate(net, loader, device):
            for x, y in loader:
                net(x.to(device))

        def report(model, held_out, where):
            evaluate(model, held_out, device=where)

        report(net, fresh, somewhere)
    """)
    assert found["fresh"] == "loader"
    assert found["somewhere"] == "device"


def test_a_table_is_known_by_what_is_asked_of_its_copy():
    assert (
        roles("def fit(data):\n    df = data.copy()\n    return df.groupby('kind')\nfit(data)")["data"]
        == "table"
    )
    assert roles("def fit(data):\n    df = data.clone()\n    return df.sum()\nfit(data)")["data"] == "inputs"


def test_things_that_are_looked_up_by_a_text_are_several():
    found = roles("""
        for phase in ["fit", "check"]:
            for x, y in loader[phase]:
                net["body"](x)
        first = batches[0]
    """)
    assert found["loader"] == "loaders"
    assert found["net"] == "models"
    assert found["batches"] == "loader"


def test_what_is_cut_into_batches_is_all_of_the_data():
    found = roles("""
        for i in range(len(inputs) // rows):
            net(inputs[i * rows : (i + 1) * rows]), net(images[:4]), targets[order[i : i + rows]]
    """)
    assert found["inputs"] == found["targets"] == "array"
    assert found["images"] == "inputs"


WHOLE = """
    import torch

    def train(model, optimizer, criterion, user_input, labels, batch_size):
        model.train()
        order = torch.randperm(len(user_input))
        total = 0
        for i in range(len(user_input) // batch_size):
            optimizer.zero_grad()
            here = user_input[order[i * batch_size : (i + 1) * batch_size]]
            loss = criterion(model(here), labels[order[i * batch_size : (i + 1) * batch_size]])
            loss.backward()
            optimizer.step()
            total += loss
        return total
"""


def test_a_loop_over_parts_of_the_data_has_some_to_go_through(sandbox, tmp_path):
    verdict = verdict_on("loss-retains-graph", {"fit.py": WHOLE}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


BETWEEN = """
    def project(loader, model, layers):
        body = model["body"]
        body.train(False)
        found = []
        first = loader["first"]
        for pictures, names, _ in first:
            scores = body(pictures.cuda())
            found.append(scores.detach().cpu().numpy())
        return found
"""


def test_networks_and_loaders_are_given_by_their_names(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"project.py": BETWEEN}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


READING = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Scans(Dataset):
        def __init__(self, folder):
            with open(folder + "/scans.csv") as stream:
                self.rows = stream.readlines()

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            return {"scan": torch.zeros(16), "kind": 0}

    def predict(path):
        loader_test = DataLoader(Scans("/data"), batch_size=4)
        model = torch.load(path, map_location="cpu")
        bar = enumerate(loader_test)
        model.eval()
        found = []
        for number, part in bar:
            found.append(model(part["scan"]).argmax(1).tolist())
        return found
"""


def test_a_loader_may_say_after_its_name_of_which_part_it_is(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"predict.py": READING}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


KEEPING = """
    import torch
    from torch import nn
    from net import Net

    class Trainer:
        def __init__(self, model, train_loader=None, val_loader=None, notes=None):
            self.model, self.train_loader, self.val_loader = model, train_loader, val_loader
            self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, 10)

        def train_epoch(self):
            for x, y in self.train_loader:
                loss = nn.functional.cross_entropy(self.model(x), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            torch.save(self.model.state_dict(), "kept/net.pt")

        def train(self):
            for epoch in range(20):
                self.schedule.step()
                self.train_epoch()
                CHECK
"""


@pytest.mark.parametrize("check", ["pass", "if self.val_loader is not None: raise ValueError"])
def test_loaders_that_are_none_by_default_are_given_where_nobody_asks_about_them(check, sandbox, tmp_path):
    files = {"net.py": NET, "trainer.py": KEEPING.replace("CHECK", check)}
    verdict = verdict_on("scheduler-before-optimizer", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert not any("left out" in what for what in verdict.measurements["substituted"])


CARDS = """
    import torch
    import torch.multiprocessing as mp
    from torch import distributed as dist
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel
    from torch.utils.data import DataLoader, TensorDataset
    from torch.utils.data.distributed import DistributedSampler

    def work(rank, world_size):
        dist.init_process_group("nccl", rank=rank, world_size=world_size)
        data = TensorDataset(torch.randn(64, 4), torch.randint(2, (64,)))
        sampler = DistributedSampler(data, num_replicas=world_size, rank=rank, shuffle=True)
        loader = DataLoader(data, batch_size=8, sampler=sampler)
        net = DistributedDataParallel(nn.Linear(4, 2))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for epoch in range(10):
            for x, y in loader:
                loss = nn.functional.cross_entropy(net(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    if __name__ == "__main__":
        cards = torch.cuda.device_count()
        mp.spawn(work, args=(cards,), nprocs=cards)
"""


def test_who_starts_a_process_for_each_card_has_two_cards(sandbox, tmp_path):
    verdict = verdict_on("sampler-epoch-not-set", {"work.py": CARDS}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


def test_a_schedule_by_default_none_is_given_where_it_steps_whatever_it_is():
    text = """
class Trainer:
    def __init__(self, model, lr_scheduler=None, optimizer=None, criterion=None, notes=None):
        self.lr_scheduler, self.optimizer = lr_scheduler, optimizer
        self.criterion = criterion or make()

    def train(self):
        self.lr_scheduler.step()
        if self.optimizer:
            self.optimizer.step()
"""
    start = text.index("self.lr_scheduler.step")
    called = cut(text, [(start, start + 20)]).text.splitlines()[-1]
    assert called == "Trainer(model, lr_scheduler=lr_scheduler).train()"


def test_what_steps_is_no_module_though_it_is_called_like_one():
    found = roles("""
        class Trainer:
            def __init__(self, model, optim):
                self.optim = optim

            def train(self):
                self.optim.step()

        Trainer(model, optim).train()
    """)
    assert found["optim"] == "optimizer"
    assert roles("optim.Adam(model.parameters())")["optim"] == "import:torch.optim"


SWITCHED = """
    import torch

    def evaluate(model, loader, use_gpu):
        if use_gpu:
            device = torch.device("cuda:0")
            model = model.to(device)
        model.eval()
        found = []
        for x, y in loader:
            found.append(model(x.to(device)).argmax(1).tolist())
        return found
"""


def test_a_switch_is_on_where_the_program_cannot_do_without(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"evaluate.py": SWITCHED}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "switches: all on, for the program cannot do without" in verdict.measurements["substituted"]
