"""The tables of `meaning/facts` against the installed torch: what they name is there and does what they say."""

from __future__ import annotations

import pytest

from trainlint.meaning.facts import layers, losses, names, operations

torch = pytest.importorskip("torch", reason="the tables are held against an installed torch")
nn, F = torch.nn, torch.nn.functional

SIZES = {"Linear": (4, 3), "LSTM": (4, 3), "GRU": (4, 3), "RNN": (4, 3), "MultiheadAttention": (4, 2)}
SCORES = torch.tensor([[30.0, -20.0, 4.0], [-9.0, 7.0, 0.5]])


def found(name: str) -> object:
    value: object = torch
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", sorted(n for n in losses.BY_NAME if n.startswith("torch.")))
def test_criteria_are_there(name: str) -> None:
    assert callable(found(name))


@pytest.mark.parametrize(
    "name",
    sorted(
        layers.NORMALISATION | layers.DROPOUT | layers.WEIGHTED | layers.BUILT_IN_DROPOUT
        | set(layers.OPTIONAL_DROPOUT) | set(operations.MODULE_OPERATIONS)
    ),
)  # fmt: skip
def test_layers_are_modules_of_torch(name: str) -> None:
    assert issubclass(getattr(nn, name), nn.Module)
    assert layers.is_module_class(f"torch.nn.{name}")


@pytest.mark.parametrize("name", sorted(names.FUNCTIONAL))
def test_functional_names_are_exported(name: str) -> None:
    assert callable(getattr(F, name))


@pytest.mark.parametrize("name", sorted(layers.DROPOUT))
def test_dropout_depends_on_the_mode(name: str) -> None:
    torch.manual_seed(0)
    layer, x = getattr(nn, name)(0.5), torch.randn(2, 8, *[4] * int(name[-2]) if name[-1] == "d" else ())
    assert not torch.equal(layer.train()(x), x)
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_normalisation_depends_on_the_mode(size: int) -> None:
    x = 3 + 2 * torch.randn(4, 5, *[4] * size)
    layer = getattr(nn, f"BatchNorm{size}d")(5)
    assert f"BatchNorm{size}d" in layers.NORMALISATION
    assert not torch.allclose(layer.train()(x), layer.eval()(x), atol=1e-5)


@pytest.mark.parametrize("name", sorted(layers.OPTIONAL_DROPOUT))
def test_optional_dropout_is_off_unless_asked_for(name: str) -> None:
    assert getattr(nn, name)(*SIZES[name]).dropout == layers.OPTIONAL_DROPOUT[name] == 0.0


@pytest.mark.parametrize("name", ["TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_transformer_layers_drop_out_by_default(name: str) -> None:
    assert getattr(nn, name)(4, 2).dropout.p == 0.1


@pytest.mark.parametrize("name", sorted(operations.BOUNDED))
def test_activations_stay_within_their_bounds_and_nearly_reach_them(name: str) -> None:
    low, high = operations.BOUNDED[name]
    apply = getattr(F, name)
    out = apply(SCORES, dim=1) if "softmax" in name else apply(SCORES)
    assert low <= out.min() < low + 0.01
    assert out.max() <= high
    assert out.max() > min(high, 6.0) - 0.01


def test_cross_entropy_expects_scores_and_nll_log_probabilities() -> None:
    kinds = torch.tensor([0, 1])
    assert losses.BY_NAME["torch.nn.CrossEntropyLoss"].expects == "scores"
    assert losses.BY_NAME["torch.nn.NLLLoss"].expects == "log-probabilities"
    logs = F.log_softmax(SCORES, dim=1)
    assert torch.allclose(nn.CrossEntropyLoss()(SCORES, kinds), nn.NLLLoss()(logs, kinds))
    assert not torch.allclose(nn.CrossEntropyLoss()(logs.exp(), kinds), nn.NLLLoss()(logs, kinds))


def test_bce_expects_probabilities_and_refuses_scores() -> None:
    targets = torch.ones_like(SCORES)
    assert losses.BY_NAME["torch.nn.BCELoss"].expects == "probabilities"
    assert losses.BY_NAME["torch.nn.BCEWithLogitsLoss"].expects == "scores"
    small = SCORES / 10
    with_logits = nn.BCEWithLogitsLoss()(small, targets)
    assert torch.allclose(with_logits, nn.BCELoss()(small.sigmoid(), targets), atol=1e-5)
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        nn.BCELoss()(SCORES, targets)


@pytest.mark.parametrize(
    "name", sorted(n for n, c in losses.BY_NAME.items() if c.kind == "regression" and n.count(".") == 2)
)
def test_regression_losses_vanish_at_the_target_and_take_any_value(name: str) -> None:
    loss = found(name)()  # type: ignore[operator]
    assert loss(SCORES, SCORES) == 0
    assert loss(SCORES, SCORES - 50) > 1


@pytest.mark.parametrize(
    "name", sorted(layers.CONTAINERS | {w for w in layers.WRAPPERS if w.startswith("torch.")})
)
def test_containers_and_wrappers_are_there(name: str) -> None:
    if name.startswith(("torch.distributed.", "torch._dynamo.", "torch.fx.")):
        pytest.skip("needs an import of its own, or a build with distributed support")
    assert callable(found(name))


def test_squeeze_of_numpy_leaves_a_tensor_its_graph() -> None:
    numpy = pytest.importorskip("numpy", reason="torch works without NumPy; then nobody calls it either")
    squeezed = numpy.squeeze(torch.ones(3, 1, requires_grad=True) * 2)
    assert isinstance(squeezed, torch.Tensor)
    assert squeezed.requires_grad
