"""descent-run: shapes of models, files and command lines, and which group takes what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from descent.run.errors import Refused
from descent.run.grouping import group_of_kinds, parse_choices
from descent.run.shapes import MODELS, Tensor, model_names, parse_shapes

# From the models' own pages; GPT-2 and Qwen3 1.7B tie the head to the embedding.
PARAMETERS = {
    "gpt2-124m": 124_439_808,
    "llama-1.1b": 1_100_048_384,
    "qwen3-1.7b": 1_720_574_976,
    "resnet-50": 25_557_032,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_models_have_the_parameters_that_they_are_known_for(name: str) -> None:
    assert parse_shapes(name).elements == PARAMETERS[name]


def test_the_layers_of_a_mixture_of_experts_make_the_whole_model() -> None:
    embeddings_and_norm = 2 * 151_936 * 2048 + 2048
    assert 48 * parse_shapes("qwen3-moe-layer").elements + embeddings_and_norm == 30_532_122_624


@pytest.mark.parametrize("name", model_names())
def test_model_files_say_how_many_parameters_they_have(name: str) -> None:
    assert json.loads((MODELS / f"{name}.json").read_text())["parameters"] == parse_shapes(name).elements


def test_gpt2_has_the_known_matrices() -> None:
    tensors = parse_shapes("gpt2-124m").tensors
    assert len(tensors) == 148
    matrices = [tensor for tensor in tensors if tensor.kind == "matrix"]
    assert len(matrices) == 48 and sum(tensor.elements for tensor in matrices) == 84_934_656
    assert tensors[2] == Tensor("h.0.ln_1.weight", (768,), "vector")


def test_experts_are_one_tensor_of_many_matrices() -> None:
    (experts,) = [t for t in parse_shapes("qwen3-moe-layer").tensors if t.name == "mlp.experts.up_proj"]
    assert experts.batch == 128 and experts.matrix == (768, 2048)


def test_shapes_are_written_out() -> None:
    tensors = parse_shapes("30x20x2, 7,5x1").tensors
    assert [(tensor.name, tensor.shape, tensor.kind) for tensor in tensors] == [
        ("tensor0.0", (30, 20), "matrix"),
        ("tensor0.1", (30, 20), "matrix"),
        ("tensor1", (7,), "vector"),
        ("tensor2", (5, 1), "matrix"),
    ]


def test_files_have_lines_or_json(tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("# a model\n90x8 embed embedding\n\n8x8x2 h.*.w  # two\n8 bias vector\n")
    document = tmp_path / "model.json"
    entries = [
        {"name": "embed", "shape": [90, 8], "kind": "embedding"},
        {"name": "h.*.w", "shape": [8, 8], "count": 2},
        {"name": "bias", "shape": [8]},
    ]
    document.write_text(json.dumps({"tensors": entries}))
    assert parse_shapes(str(lines)).tensors == parse_shapes(str(document)).tensors
    assert [tensor.name for tensor in parse_shapes(str(lines)).tensors] == ["embed", "h.0.w", "h.1.w", "bias"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpt3", "neither a model .*gpt2-124m.*nor a file"),
        ("", "neither a model"),
        ("3x", "'3x' is no shape; wanted is ROWSxCOLS"),
        ("3x4x5x6", "is no shape"),
        ("3x4,x", "'x' is no shape"),
        ("0x4", "1 or more"),
        ("3x0", "1 or more"),
        ("9999999x9999999", "2\\^40"),
    ],
)
def test_wrong_shapes_are_refused(text: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        parse_shapes(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no tensor"),
        ("8x8 a b c", "line 1 .* has 4 words"),
        ("8x8\n8x8 a bias", "line 2 .*'bias' is unknown; known are matrix"),
        ("8 a matrix", "the kind 'matrix' has rows and columns, found one size, 8"),
        ("5 x 6", "a shape has no blanks; wanted is ROWSxCOLS, found '5 x 6'"),
        ("[]", "is no list of shapes"),
        ("8x8 a vector", "a vector has one size, found 8x8"),
        ("8x8 a\n8x9 a", "more than one tensor 'a'"),
        ("{", "is no list of shapes"),
        ('{"tensors": 3}', "'tensors' is a list, found int"),
        ('{"tensors": [[8, 8]]}', "tensor 0 .*no 'name' and 'shape'"),
        ('{"tensors": [{"name": "a", "shape": [8], "size": 3}]}', "unknown field 'size'"),
        ('{"tensors": [{"name": "a", "shape": [8, true]}]}', "one to three sizes"),
        ('{"tensors": [{"name": "a", "shape": "8x8"}]}', "one to three sizes"),
        ('{"tensors": [{"name": "a", "shape": [8], "count": 0}]}', "1 or more"),
        ('{"tensors": [{"name": "a", "shape": [8], "kind": ["x"]}]}', "is unknown"),
    ],
)
def test_wrong_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "shapes"
    file.write_text(text)
    with pytest.raises(Refused, match=message):
        parse_shapes(str(file))


KINDS = ["matrix", "embedding", "vector"]


@pytest.mark.parametrize(
    ("classes", "wanted"),
    [
        ({"all": "any"}, {"matrix": "all", "embedding": "all", "vector": "all"}),
        ({"matrices": "matrix"}, {"matrix": "matrices"}),
        ({"vectors": "vector"}, {"vector": "vectors"}),
        (
            {"hidden": "matrix", "embed": "matrix", "vectors": "vector"},
            {"matrix": "hidden", "embedding": "embed", "vector": "vectors"},
        ),
        ({"hidden": "matrix", "rest": "any"}, {"matrix": "hidden", "embedding": "rest", "vector": "rest"}),
        ({"hidden": "matrix", "vectors": "vector"}, {"matrix": "hidden", "vector": "vectors"}),
    ],
)
def test_kinds_go_to_the_groups_that_are_named_for_them(classes: dict[str, str], wanted: dict[str, str]) -> None:
    assert group_of_kinds(classes, KINDS, {}) == wanted


def test_a_choice_comes_before_names() -> None:
    classes = {"hidden": "matrix", "other": "matrix"}
    assert group_of_kinds(classes, ["matrix"], parse_choices(["matrix=other"])) == {"matrix": "other"}
    with pytest.raises(Refused, match="fit the groups a, b; say which with --group matrix=GROUP"):
        group_of_kinds({"a": "any", "b": "matrix"}, ["matrix"], {})
    with pytest.raises(Refused, match="no group 'x' for the kind 'matrix'; the groups are hidden, other"):
        group_of_kinds(classes, ["matrix"], {"matrix": "x"})
    for wrong in ("matrix", "bias=hidden"):
        with pytest.raises(Refused, match="is not KIND=GROUP; kinds are matrix"):
            parse_choices([wrong])
