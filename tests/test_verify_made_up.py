"""What programs are given where they leave it free: scalers, networks that compute their loss, settings, einops."""

from __future__ import annotations

import textwrap

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import NET, verdict_on

pytestmark = needs_torch

CLIPPED = """
    import torch

    def train(loader, model, optimizer, criterion, scaler):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            scaler.scale(loss).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
"""


def test_what_scales_a_loss_is_a_scaler_of_gradients(sandbox, tmp_path):
    verdict = verdict_on("clip-misplaced", {"train.py": CLIPPED}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "structure")
    assert "scaler" in verdict.evidence


def test_a_scaler_of_another_file_scales_on_the_processor_too(sandbox, tmp_path):
    files = {
        "speed.py": "import torch\n\nscaler = torch.cuda.amp.GradScaler()\n",
        "train.py": "from speed import scaler\n" + textwrap.dedent(CLIPPED).replace(", scaler)", ")"),
    }
    verdict = verdict_on("clip-misplaced", files, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


@pytest.mark.parametrize("given", ["scores, loss", "loss, scores", "loss"])
def test_a_network_that_is_not_here_computes_the_loss_that_the_program_goes_back_from(
    given, sandbox, tmp_path
):
    script = f"""
        def train(loader, model, optimizer):
            model.train()
            for x, y in loader:
                {given} = model(x, y)
                loss.backward()
                optimizer.step()
    """
    verdict = verdict_on("missing-zero-grad", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_a_network_with_several_outputs_has_as_many_classes_as_the_program_says(sandbox, tmp_path):
    files = {
        "net.py": textwrap.dedent(NET).replace(
            "return self.last(self.drop(self.first(x).relu()))",
            "hidden = self.first(x).relu()\n        return hidden, self.last(hidden)",
        ),
        "train.py": """
            import torch
            from torch.nn.functional import binary_cross_entropy_with_logits, one_hot
            from data_that_is_not_here import loader
            from net import Net

            model = Net()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                optimizer.zero_grad()
                _, scores = model(x)
                loss = binary_cross_entropy_with_logits(scores, one_hot(y, 4).float())
                wrong = (y != scores.argmax(axis=1)).float().mean().item()
                loss.backward()
                optimizer.step()
        """,
    }
    verdict = verdict_on("bce-for-multiclass", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "4 exclusive classes" in verdict.evidence


def test_settings_say_what_the_program_asks_of_them(sandbox, tmp_path):
    script = """
        import os
        import torch
        from torch import nn

        class Trainer:
            def __init__(self, args, model):
                os.environ["CUDA_VISIBLE_DEVICES"] = args["gpuid"]
                self.model = model
                self.kind = args["solver"]
                sizes = [8] + args["layers"]
                self.head = nn.Sequential(*[nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])
                self.drop = nn.Dropout(p=args["2nd_p"])

            def fit(self, loader):
                if self.kind == "adam":
                    optimizer = torch.optim.Adam(self.model.parameters())
                else:
                    raise ValueError(f"nobody knows {self.kind}")
                criterion = nn.CrossEntropyLoss()
                for x, y in loader:
                    criterion(self.model(x), y).backward()
                    optimizer.step()
    """
    verdict = verdict_on("missing-zero-grad", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    said = str(verdict.measurements["substituted"])
    assert "'adam', as the program asks for it" in said and "left out" not in said


PATTERNS = """
    import torch
    from einops import rearrange, repeat
    from einops.layers.torch import Reduce
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 48))
            self.mean = Reduce("b n d -> b d", "mean")
            self.last = nn.Linear(48, 4)

        def forward(self, x):
            pieces = rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=4, q=4)
            first = repeat(self.token, "() n d -> b n d", b=len(x))
            return self.last(self.mean(torch.cat([first, pieces], dim=1)))
"""


def test_einops_that_is_not_installed_rearranges_all_the_same(sandbox, tmp_path):
    script = """
        import torch
        from torch import nn
        from net import Net

        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(20):
            x, y = torch.randn(8, 3, 32, 32), torch.randint(4, (8,))
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    """
    verdict = verdict_on("missing-zero-grad", {"net.py": PATTERNS, "train.py": script}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")


def test_patterns_mean_what_einops_documents():
    torch = pytest.importorskip("torch")
    from trainlint.verify.child.rig.rearranging import einsum, rearrange, reduce, repeat

    x = torch.arange(120.0).reshape(2, 3, 4, 5)
    for found, wanted in (
        (rearrange(x, "b c h w -> b (h w) c"), x.permute(0, 2, 3, 1).reshape(2, 20, 3)),
        (rearrange(x, "b c (h p) w -> b p c h w", p=2), x.reshape(2, 3, 2, 2, 5).permute(0, 3, 1, 2, 4)),
        (rearrange(x, "b c ... -> b (...) c"), x.flatten(2).transpose(1, 2)),
        (rearrange(x[:, :1], "b 1 h w -> b h w"), x[:, 0]),
        (rearrange([x[0], x[1]], "b c h w -> c b h w"), x.transpose(0, 1)),
        (reduce(x, "b c (h 2) w -> b c h w", "max"), x.reshape(2, 3, 2, 2, 5).amax(3)),
        (reduce(x, "b c h w -> b c 1 1", "mean"), x.mean((2, 3), keepdim=True)),
        (repeat(x, "b c h w -> b c (h 2) w"), x.repeat_interleave(2, 2)),
        (einsum(x, x, "b c h w, b c h v -> b c w v"), torch.einsum("bchw,bchv->bcwv", x, x)),
    ):
        assert torch.equal(found, wanted)
    for wrong in ("b c h -> b c h", "b c h w -> b c h", "b c (h p q) w -> b c h p q w"):
        with pytest.raises(ValueError):
            rearrange(x, wrong)


def test_targets_that_are_made_up_say_nothing_about_what_a_network_cannot_reach(sandbox, tmp_path):
    script = """
        import torch
        from torch import nn

        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1), nn.ReLU())
        criterion = nn.MSELoss()
        optimizer = torch.optim.Adam(model.parameters())

        def train(loader):
            for x, y in loader:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
    """
    verdict = verdict_on("bounded-regression-output", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "inconclusive"


PICTURES = """
    import torch
    from torch import nn
    from torchvision import datasets, transforms

    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    other = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])
    loader = torch.utils.data.DataLoader(datasets.MNIST("data", transform=steps), batch_size=16, shuffle=True)
    judged = torch.utils.data.DataLoader(datasets.MNIST("data", train=False, transform=other), batch_size=16)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for x, y in judged:
            print((model(x).argmax(1) == y).float().mean())
"""


@pytest.mark.parametrize("swapped", [False, True])
def test_constants_that_no_picture_takes_are_refused_where_pictures_come(swapped, sandbox, tmp_path):
    script = textwrap.dedent(PICTURES)
    if swapped:
        script = (
            script.replace("steps =", "aside =").replace("other =", "steps =").replace("aside =", "other =")
        )
    verdict = verdict_on("normalise-constants", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "is refused" in verdict.evidence


@pytest.mark.parametrize("taken", ["loss", "loss, parts"])
def test_a_loss_function_takes_what_the_program_gives_it(taken, sandbox, tmp_path):
    script = f"""
        def train(model, loader, optimizer, criterion):
            model.train()
            for x, _ in loader:
                rebuilt, mean, spread = model(x)
                {taken} = criterion(rebuilt, x, mean, spread)
                loss.backward()
                optimizer.step()
    """
    verdict = verdict_on("missing-zero-grad", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed", verdict.evidence
    assert "raise" not in verdict.evidence


CAPTIONS = """
    import pdb
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence
    from torch.utils.data import DataLoader, Dataset

    class Captions(Dataset):
        def __init__(self, place):
            self.rows = open(place).read().split()

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            return torch.load(self.rows[index])

    def together(samples):
        pictures, captions = zip(*samples)
        lengths = [len(caption) for caption in captions]
        return torch.stack(pictures), nn.utils.rnn.pad_sequence(captions, True), lengths

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

        def forward(self, pictures):
            return self.body(pictures)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.memory, self.last = nn.Embedding(300, 8), nn.LSTM(8, 8, batch_first=True), nn.Linear(8, 300)

        def forward(self, features, captions, lengths):
            words = torch.cat([features.unsqueeze(1), self.words(captions)], 1)
            return self.last(self.memory(pack_padded_sequence(words, lengths, batch_first=True))[0][0])

    loader = DataLoader(Captions("captions.txt"), batch_size=4, shuffle=True, collate_fn=together)
    encoder, decoder = Encoder(), Decoder()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.001)
    for epoch in range(20):
        for pictures, captions, lengths in loader:
            pdb.set_trace()
            targets = pack_padded_sequence(captions, lengths, batch_first=True)[0]
            loss = nn.functional.cross_entropy(decoder(encoder(pictures), captions, lengths), targets)
            loss.backward()
            optimizer.step()
"""


def test_captions_are_words_of_some_length_whoever_puts_them_together(sandbox, tmp_path):
    """The program's own collation wants what its files would have held; a debugger asks nobody."""
    verdict = verdict_on("missing-zero-grad", {"captions.py": CAPTIONS}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
