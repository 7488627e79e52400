"""What the records promise: operations with rules, passes with sources and tests."""

import re
from pathlib import Path

from sources import (ROOT, Record, camel_case, cxx_functions, files, operations, passes, records, relative, text)

RULE = re.compile(r"\(R(\d+)\)")
DIALECT_PREFIX = re.compile(r"^(descent|plan|cpu|cuda|gpu|simulator)-")
CONTRACT = ["requires", "guarantees", "fail"]


def shown(problems: list[str]) -> str:
    return "\n" + "\n".join(problems)


def rules(record: Record) -> list[int]:
    return [int(number) for number in RULE.findall(record.field("description"))]


def ruled() -> list[Record]:
    return [record for record in records() if rules(record)]


def mnemonic(record: Record) -> str:
    return record.strings[-1 if record.name.endswith("Norm") else 0].replace(".", "_")


def verifier_text(record: Record) -> str:
    """The functions `verify...` of the record's class, and all functions of the project that they call."""
    owner = record.name.split("_")[-1]
    functions = [function for path in files(".cpp") if relative(path).startswith("lib/")
                 for function in cxx_functions(path)]
    todo = [f for f in functions if re.fullmatch(rf"(descent::|plan::)*{owner}(Attr)?::(verify|parse)\w*", f.name)]
    reached = []
    while todo:
        function = todo.pop()
        reached.append(function)
        called = set(re.findall(r"(\w+)(?:<\w+>)?\(", "\n".join(function.lines)))
        todo += [f for f in functions if f.name.split("::")[-1] in called and f not in reached + todo
                 and not re.search(r"Op::", f.name)]
    return record.field("verifyMore") + "\n".join(line for function in reached for line in function.raw)


def test_there_are_operations_with_rules_and_passes() -> None:
    assert ruled() and passes(), "the other tests here would pass without testing anything"


def test_rules_are_numbered_from_one() -> None:
    wrong = [f"{relative(record.path)}: {record.name}: {rules(record)}" for record in ruled()
             if rules(record) != list(range(1, len(rules(record)) + 1))]
    assert not wrong, shown(wrong)


def test_every_rule_is_marked_in_its_verifier() -> None:
    missing = [f"{relative(record.path)}: {record.name}: no '// (R{rule})' in its verifier"
               for record in ruled() for rule in rules(record)
               if not re.search(rf"//.*\(R{rule}\)", verifier_text(record))]
    assert not missing, shown(missing)


def dialect(path: Path) -> str:
    """`Plan` for whatever lies below Dialect/Plan."""
    match = re.search(r"/Dialect/(\w+)/", relative(path))
    return match.group(1) if match else ""


def refusals(name: str) -> set[str]:
    """`sweep_r1` for each test function `@sweep_r1_...` of the dialect."""
    return {refusal for path in files(".mlir") if path.stem.endswith("invalid") and dialect(path) == name
            for refusal in re.findall(r"@(\w+?_r\d+)_", text(path))}


def test_every_rule_has_a_refusal() -> None:
    missing = [f"{record.name}: no '@{mnemonic(record)}_r{rule}_...' in {dialect(record.path)}'s *-invalid.mlir"
               for record in ruled() for rule in rules(record)
               if f"{mnemonic(record)}_r{rule}" not in refusals(dialect(record.path))]
    assert not missing, shown(missing)


def test_refusals_name_rules_that_exist() -> None:
    stray = []
    for name in {dialect(record.path) for record in ruled()}:
        known = {f"{mnemonic(record)}_r{rule}" for record in ruled() if dialect(record.path) == name
                 for rule in rules(record)}
        stray += [f"{name}: @{refusal}_..." for refusal in sorted(refusals(name) - known)]
    assert not stray, f"refusals of rules that no record has:{shown(stray)}"


def examples(name: str) -> str:
    """All mlir blocks of a dialect's records."""
    return "\n".join(block for record in records() if dialect(record.path) == name
                     for block in re.findall(r"```mlir(.*?)```", record.field("description"), re.DOTALL))


def test_operations_are_documented() -> None:
    wrong = [f"{relative(record.path)}: {record.name} lacks a {what}" for record in operations()
             for what in ("summary", "description") if not record.field(what)]
    assert not wrong, shown(wrong)


def test_operations_occur_in_an_example() -> None:
    missing = []
    for record in operations():
        name = f"{dialect(record.path).lower()}.{record.strings[0]}"
        if not re.search(rf"\b{re.escape(name)}\b", examples(dialect(record.path))):
            missing.append(f"{relative(record.path)}: no mlir example of a description has '{name}'")
    assert not missing, shown(missing)


def test_summaries_are_no_sentences() -> None:
    summaries = {f"{relative(record.path)}: {record.name}": record.field("summary")
                 for record in operations() + passes()}
    sentence = re.compile(r"(A|An|The|Returns?|Computes?) |.*\.$")
    wrong = [f"{name}: '{summary}'" for name, summary in summaries.items() if sentence.match(summary)]
    assert not wrong, f"lower case, no final period; what it returns:{shown(wrong)}"


def flag(record: Record) -> str:
    return record.strings[0]


def stem(record: Record) -> str:
    return DIALECT_PREFIX.sub("", flag(record))


def sources(record: Record) -> list[Path]:
    """`plan-fuse-sweeps` is in FuseSweeps.cpp, `convert-a-to-b` in ConvertAToB.cpp or AToB.cpp."""
    names = {camel_case(stem(record)), camel_case(stem(record).removeprefix("convert-"))}
    return [path for path in files(".cpp") if relative(path).startswith("lib/") and path.stem in names]


def test_every_pass_has_a_source_named_after_its_flag() -> None:
    missing = [f"{flag(record)}: no {camel_case(stem(record))}.cpp in lib/" for record in passes()
               if not sources(record)]
    assert not missing, shown(missing)


def test_every_pass_has_a_test_named_after_its_flag() -> None:
    missing = []
    for record in passes():
        for source in sources(record):
            folder = ROOT / "test" / source.parent.relative_to(ROOT / "lib")
            names = [stem(record), stem(record).removeprefix("convert-")]
            places = [place / f"{name}.mlir" for name in names for place in (folder, folder.parent)]
            if not any(place.exists() for place in places):
                missing.append(f"{flag(record)}: no {relative(places[0])}")
    assert not missing, f"a pass's test is where its source is, under test/:{shown(missing)}"


def test_one_pass_a_source() -> None:
    wrong = [relative(path) for path in files(".cpp") if len(re.findall(r"#define GEN_PASS_DEF_", text(path))) > 1]
    assert not wrong, f"one .cpp per pass:{shown(wrong)}"


def test_descriptions_of_passes_are_contracts() -> None:
    wrong = []
    for record in passes():
        description = record.field("description").lower()
        at = [description.find(word) for word in CONTRACT]
        if -1 in at or at != sorted(at):
            wrong.append(f"{flag(record)}: {[word for word, place in zip(CONTRACT, at) if place < 0] or 'the order'}")
    assert not wrong, f"a description says what a pass requires, guarantees, and when it fails; missing:{shown(wrong)}"


def test_a_pass_is_one_sentence() -> None:
    wrong = [f"{flag(record)}: '{record.field('summary')}'" for record in passes()
             if re.search(r"\band\b|;", record.field("summary"))]
    assert not wrong, f"with an 'and' in its summary it is two passes:{shown(wrong)}"
