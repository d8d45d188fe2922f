"""The documents keep to the rules of docs/prose.yaml, and the rules find what they should."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
prose = runpy.run_path(str(ROOT / "docs/prose.py"))


@pytest.fixture
def found(tmp_path, capsys):
    """Return a function that lints a text and returns its findings, each as (line, message)."""

    def lint(text, *options, name="page.md"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        status = prose["main"]([str(file), *options])
        lines = [line.removeprefix(f"{file}:") for line in capsys.readouterr().out.splitlines()]
        assert status == bool(lines)
        return [(int(line.split(":")[0]), line.partition(": ")[2]) for line in lines]

    return lint


def test_the_documents(capsys):
    assert prose["main"]([]) == 0, capsys.readouterr().out


def test_sentences_that_are_kept_are_in_their_documents():
    for document, starts in prose["ALLOWED"].items():
        text = (ROOT / document).read_text(encoding="utf-8")
        blocks = [" ".join(block.split()) for _, block in prose["blocks"](text)]
        assert not [start for start in starts if not any(start in block for block in blocks)]


def test_a_long_sentence(found):
    assert not found("word " * 29 + "end. " + "Word " * 29 + "end.\n")
    ((line, message),) = found("Short.\n\n- An item.\n- " + "word " * 30 + "\n  end. Short.\n")
    assert line == 4
    assert message.startswith("31 words in a sentence: word")
    assert found("Four words are here.\n", "--words", "3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("What it costs, is here.", "inverted opener: What it costs, is here."),
        ("Of the two, one is left.", "inverted opener: Of the two, one is left."),
        ("All of it but\nfor one.", '"but for": except'),
        ("The run goes on.", '"goes on": resume, continue'),
        ("The mask is to be found.", '"is to be": say who does it, in active voice'),
    ],
)
def test_a_rule(found, text, message):
    assert found(f"# Title\n\n{text}\n") == [(3, message)]


def test_proselint_is_asked(found):
    line, message = found("Fine.\n\nIt is in actual fact fine.\n")[0]
    assert line == 3
    assert "Redundancy" in message


@pytest.mark.parametrize(
    "text",
    [
        "# What it does",
        "What does it do?",
        "Run `srgan-keras goes on anew`.",
        "```\nSPEC anew\n```",
        "| anew |\n|---|\n| anew |",
        "---\ntags: anew\n---\nText.",
        "The rim of the optic disc.",
        "An [example](anew.md).",
    ],
)
def test_no_finding(found, text):
    assert not found(text + "\n")


def test_notes_of_mkdocs(found):
    assert found('!!! note "Runs"\n\n    It goes on.\n') == [(3, '"goes on": resume, continue')]


def test_python(found):
    source = '''\
"""Module. It goes on."""
x = "anew"


class Options:
    y: int = 1
    """Start anew."""

    def stop(self):
        raise ValueError(f"{self.y} goes on")
'''
    lines = [line for line, _ in found(source, "--python", name="module.py")]
    assert sorted(lines) == [1, 7, 10]
