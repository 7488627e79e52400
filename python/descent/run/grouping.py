"""Which group of an artifact takes which tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .errors import Refused
from .shapes import KINDS, Tensor

# Words in the names of groups, by the kind of tensor that they tell of.
WORDS = {
    "matrix": ("matri", "hidden"),
    "embedding": ("embed", "head"),
    "vector": ("vector", "norm", "bias", "scalar"),
}


def parse_choices(texts: Sequence[str]) -> dict[str, str]:
    """`KIND=GROUP`, each."""
    chosen: dict[str, str] = {}
    for text in texts:
        kind, equals, group = text.partition("=")
        if not equals or kind not in KINDS:
            raise Refused(f"'--group {text}' is not KIND=GROUP; kinds are {', '.join(KINDS)}")
        chosen[kind] = group
    return chosen


def group_of_kinds(classes: Mapping[str, str], kinds: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The group of each kind that has one. `classes` are those of the groups, by name.

    A kind goes to the group that was chosen for it; or to the one whose name tells of it; or to the only one whose
    name tells of none. Kinds that no group takes are left out.
    """
    for kind, group in chosen.items():
        if group not in classes:
            raise Refused(f"there is no group '{group}' for the kind '{kind}'; the groups are {', '.join(classes)}")
    found = {kind: _group_of(kind, classes, chosen) for kind in kinds}
    return {kind: group for kind, group in found.items() if group is not None}


def _group_of(kind: str, classes: Mapping[str, str], chosen: Mapping[str, str]) -> str | None:
    if kind in chosen:
        return chosen[kind]
    possible = [group for group, accepted in classes.items() if _accepts(accepted, kind, len(classes) > 1)]
    named = [group for group in possible if any(word in group.lower() for word in WORDS[kind])]
    rest = [group for group in possible if not any(word in group.lower() for word in sum(WORDS.values(), ()))]
    for candidates in (named, rest):
        if len(candidates) == 1:
            return candidates[0]
    if len(named) > 1 or len(rest) > 1:
        groups = ", ".join(named or rest)
        raise Refused(f"tensors of the kind '{kind}' fit the groups {groups}; say which with --group {kind}=GROUP")
    return None


def _accepts(group_class: str, kind: str, recipe: bool) -> bool:
    """A rule of matrices by itself is for hidden matrices; in a recipe a group of matrices may hold embeddings."""
    if group_class == "any":
        return True
    if group_class == "vector":
        return kind == "vector"
    return kind == "matrix" or (recipe and kind == "embedding")


def assign(tensors: Sequence[Tensor], groups: Mapping[str, str]) -> tuple[list[Tensor], list[Tensor]]:
    """Those that a group takes, and those that are left out."""
    taken = [tensor for tensor in tensors if tensor.kind in groups]
    return taken, [tensor for tensor in tensors if tensor.kind not in groups]
