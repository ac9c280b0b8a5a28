"""What the documents say is there, is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from livecomments.cli import COMMANDS, main
from runtime.settings import PREFIX, Settings
from tests.layout.tree import ROOT, files, name
from wire.problem import PROBLEMS

VENDORED = ROOT / "web" / "live-comments" / "vendor"
DOCUMENTS = [path for path in files() if path.suffix == ".md" and not path.is_relative_to(VENDORED)]
GIVEN = (
    "how-it-works.md",
    "invariants.md",
    "gotchas.md",
    "operating.md",
    "benchmarks.md",
    "http.md",
    "kubernetes.md",
    "threat-model.md",
)


@pytest.mark.parametrize("document", GIVEN)
def test_the_document_is_there(document):
    assert (ROOT / "docs" / document).is_file()


def test_operating_lists_every_setting_with_its_default():
    rows = _first_columns(ROOT / "docs" / "operating.md", rf"{PREFIX}([A-Z_]+)")
    assert sorted(rows) == sorted(field.upper() for field in Settings.model_fields)
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    for field, info in Settings.model_fields.items():
        row = re.search(rf"^\| `{PREFIX}{field.upper()}` \| ([^|]*) \|", text, re.MULTILINE)
        assert row is not None
        assert row[1].strip("` ") == _as_set(info.default), field


def test_the_metrics_that_operating_names_are_there():
    code = "\n".join(path.read_text(encoding="utf-8") for path in files() if path.name.endswith("metrics.py"))
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    named = {metric.removesuffix("_total") for metric in re.findall(r"`(livecomments_[a-z_]+)", text)}
    assert named
    assert not [metric for metric in named if f'"{metric}"' not in code]


def test_the_http_interface_lists_every_problem_with_its_status():
    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    listed = {code: int(status) for status, code in re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", text, re.MULTILINE)}
    assert listed == {code: status for code, (status, _) in PROBLEMS.items()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)|(?:src|srcset)=\"([^\":]+)\"", text)
    missing = [link or source for link, source in targets if not (document.parent / (link or source)).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_that_are_named_exist(document):
    """`writer/batcher.py`, in backticks and with a slash, is a file or a folder of this tree."""
    text = document.read_text(encoding="utf-8")
    tops = {path.relative_to(ROOT).parts[0] for path in files()}
    named = [path for path in re.findall(r"`([\w./-]+/[\w./-]*)`", text) if path.split("/")[0] in tops]
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_tests_that_are_named_exist(document):
    tests = "\n".join(path.read_text(encoding="utf-8") for path in files() if path.match("test_*.py"))
    named = re.findall(r"`(test_\w+)`", document.read_text(encoding="utf-8"))
    assert not [test for test in named if f"def {test}(" not in tests]


def test_the_threat_model_names_every_hardening_test():
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    hardening = [path for path in files() if path.is_relative_to(ROOT / "tests" / "hardening")]
    written = {test for path in hardening for test in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))}
    assert written
    assert written <= set(re.findall(r"`(test_\w+)`", text))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_headings_that_are_linked_to_exist(document):
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([\w./-]*)#([^)]+)\)", text)
    targets = [(document.parent / path if path else document, heading) for path, heading in links]
    assert not [heading for target, heading in targets if heading not in _anchors(target)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_make_commands_that_are_named_exist(document):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = [re.match(r"(?:\w+=\S+ )*make ([a-z-]+)", line) for line in _code(document)]
    assert {match[1] for match in named if match} <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_commands_and_options_that_are_named_exist(document):
    for line in _code(document):
        for command, rest in re.findall(r"(?<![\w/'-])(?:\.venv/bin/)?livecomments ([a-z]+)\b([^|;&#(]*)", line):
            assert command in COMMANDS, line
            known = {option for one in _command(command).params for option in (*one.opts, *one.secondary_opts)}
            assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= {*known, "--help"}, line


def test_the_readme_leads_to_every_page_and_names_none_twice():
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Read on")[2]
    linked = re.findall(r"\]\(([^)]+)\)", table)
    assert len(linked) == len(set(linked))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= set(linked)


def _as_set(default: object) -> str:
    """Return how a default would be written in the environment; nothing where there is none."""
    match default:
        case None:
            return ""
        case tuple():
            return ",".join(default)
        case bool():
            return "1" if default else "0"
        case float():
            return f"{default:g}"
        case _:
            return str(default)


def _anchors(document: Path) -> set[str]:
    """Return how the headings of a document are linked to, as GitHub has it."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code(document: Path) -> Iterator[str]:
    """Yield what stands in backticks, and the lines of blocks of code without what the shell passes over."""
    text = document.read_text(encoding="utf-8")
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.sub(r"\s+#.*|^#.*", "", line)
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def _command(command: str) -> click.Command:
    found = main.get_command(click.Context(main), command)
    assert found is not None
    return found


def _first_columns(path, pattern: str) -> list[str]:
    return re.findall(rf"^\| `{pattern}` \|", path.read_text(encoding="utf-8"), re.MULTILINE)
