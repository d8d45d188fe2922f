"""Check the English of the documents by the rules of prose.yaml and the checks of proselint.

    python docs/prose.py                                # all documents; exit status 1 on a finding
    python docs/prose.py README.md --words 25
    python docs/prose.py --python srgan_keras/cli.py    # docstrings, option help, error messages

A sentence over the limit passes when its first words are in prose_allowed.yaml: read twice, kept.
"""

import argparse
import ast
import os
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from proselint.checks import __register__ as general_checks
from proselint.config import DEFAULT
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DOCUMENTS = ("*.md", "data/README.md", "docs/**/*.md", "saved_models/**/*.md")
RULES = yaml.safe_load((HERE / "prose.yaml").read_text(encoding="utf-8"))
ALLOWED = yaml.safe_load((HERE / "prose_allowed.yaml").read_text(encoding="utf-8"))
PHRASES = {
    re.compile(rf"(?<![\w-])({phrase})(?![\w-])".replace(" ", r"\s+"), re.IGNORECASE): advice
    for phrase, advice in RULES["phrases"].items()
}
OPENERS = re.compile(rf"\W*({'|'.join(RULES['openers'])})\b")
ITEM = re.compile(r"[a-z_]\w*(, [a-z_]\w*)*: ")
SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!al\.)(?<!Eq\.)(?<!Fig\.)(?<!vs\.)"
    r"[)\"*]*\s+(?=[\"(*`A-Z0-9])"
)
Found = Iterator[tuple[int, str]]  # first line, text


def blocks(markdown: str) -> Found:
    """Yield paragraphs, list items and headings, not code blocks, tables and front matter."""
    front = re.match(r"---\n.*?\n---\n", markdown, re.DOTALL)
    if front:
        markdown = "\n" * front[0].count("\n") + markdown[front.end() :]
    markdown = re.sub(r"^( *)(!!!|\?{3}\+?) \w+", r"\1##", markdown, flags=re.MULTILINE)
    tokens = MarkdownIt("commonmark").enable("table").disable("code").parse(markdown)
    for before, token in pairwise(tokens):
        if token.type == "inline" and before.type in ("paragraph_open", "heading_open"):
            mark = "# " if before.type == "heading_open" else ""
            yield token.map[0] + 1, mark + "".join(map(plain, token.children))


def plain(token: Token) -> str:
    """Return the text of an inline token; code stays in backticks."""
    code = f"`{token.content}`" if token.type == "code_inline" else token.content
    return {"softbreak": "\n", "hardbreak": "\n", "html_inline": ""}.get(token.type, code)


def python_blocks(source: str) -> Found:
    """Yield docstrings, help of options (strings below a field) and messages of exceptions."""
    for node in ast.walk(ast.parse(source)):
        raised = isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args
        value = node.value if isinstance(node, ast.Expr) else raised and node.exc.args[0]
        if isinstance(value, ast.JoinedStr):
            parts = (str(v.value) if isinstance(v, ast.Constant) else "`x`" for v in value.values)
            yield value.lineno, "".join(parts)
        elif isinstance(value, ast.Constant) and isinstance(value.value, str):
            lines = (line.strip() for line in value.value.split("\n"))
            # an argument's description is a list item
            items = (f"- {line}" if ITEM.match(line) else line for line in lines)
            for line, text in blocks("\n".join(items)):
                yield value.lineno + line - 1, text


def findings(line: int, text: str, words: int, allowed: tuple[str, ...] = ()) -> Found:
    """Yield what is wrong with a block: phrases, long sentences, openers, then proselint's."""
    masked = re.sub(r"`[^`]+`", lambda code: re.sub(r"[^`\n]", "x", code[0]), text)
    for pattern, advice in PHRASES.items():
        for found in pattern.finditer(masked):
            phrase = " ".join(found[0].split())
            yield line + masked[: found.start()].count("\n"), f'"{phrase}": {advice}'
    starts = [0, *(found.end() for found in SENTENCE_END.finditer(masked)), len(text)]
    for start, end in pairwise(starts):
        sentence, here = " ".join(text[start:end].split()), line + masked[:start].count("\n")
        n = sum(any(map(str.isalnum, word)) for word in masked[start:end].split())
        if n > words and not sentence.startswith(allowed):
            yield here, f"{n} words in a sentence: {sentence}"
        if OPENERS.match(sentence) and "?" not in sentence and not text.startswith("# "):
            yield here, f"inverted opener: {sentence[:60]}"
    checks = {"max_errors": 1000, "checks": DEFAULT["checks"] | RULES["proselint"]}
    for hit in LintFile("prose", masked).lint(checks):
        yield line + hit.pos[0] - 1, hit.check_result.message


def main(arguments: list[str] | None = None) -> int:
    """Print each finding as PATH:LINE: MESSAGE; return 1 where there is one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", type=Path, nargs="*", help="default: all documents")
    parser.add_argument("--words", type=int, default=RULES["words_in_a_sentence"])
    parser.add_argument("--python", action="store_true", help="read Python; default: srgan_keras")
    options = parser.parse_args(arguments)
    patterns = ("srgan_keras/**/*.py",) if options.python else DOCUMENTS
    files = options.files or sorted(f for p in patterns for f in ROOT.glob(p))
    if not CheckRegistry().checks:
        CheckRegistry().register_many(general_checks)
    hits = 0
    for file in files:
        source = file.read_text(encoding="utf-8")
        kept = tuple(ALLOWED.get(Path(os.path.relpath(file, ROOT)).as_posix(), ()))
        for line, text in python_blocks(source) if options.python else blocks(source):
            for where, message in findings(line, text, options.words, kept):
                print(f"{file}:{where}: {message}")
                hits += 1
    print(f"{len(files)} files, {hits} findings", file=sys.stderr)
    return int(hits > 0)


if __name__ == "__main__":
    sys.exit(main())
