"""Gather the pages of the documentation site, and check the built site.

    python docs/make_site.py gather build/docs   # Markdown pages and the files that they link to
    mkdocs build --strict                        # build/docs -> build/site
    python docs/make_site.py check build/site    # every link resolves, no page loads from a network

Pages stay where a reader of the repository looks for them, and link to each other as files.
`gather` copies them into one tree and rewrites these links.
"""

import os
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]

CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")


def pages() -> dict[Path, Path]:
    """Return each page's file in the repository -> its place in the site."""
    found = {Path("README.md"): Path("index.md"), Path("data/README.md"): Path("datasets.md")}
    for name in ("PAPER.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        found[Path(name)] = Path(name.lower())
    found[Path("saved_models/README.md")] = Path("models/index.md")
    for card in sorted(ROOT.glob("saved_models/*/README.md")):
        found[card.relative_to(ROOT)] = Path("models", f"{card.parent.name}.md")
    for page in sorted(ROOT.glob("docs/*.md")):
        found[page.relative_to(ROOT)] = Path(page.name)
    return found


def gather(target: Path) -> None:
    """Write all pages into `target`, with the files that they link to.

    Raises:
        FileNotFoundError: a page links to a file that does not exist.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs/assets", target / "assets")
    places = pages()
    for source, place in places.items():
        file = target / place
        file.parent.mkdir(parents=True, exist_ok=True)
        parts = CODE.split((ROOT / source).read_text(encoding="utf-8"))
        for i in range(0, len(parts), 2):  # odd parts are code
            parts[i] = LINK.sub(lambda link, s=source: _link(link[1], s, places, target), parts[i])
        file.write_text("".join(parts), encoding="utf-8")


def _link(link: str, source: Path, places: dict[Path, Path], target: Path) -> str:
    """Return a link of a page in the repository as a link of the same page in the site."""
    path, mark, anchor = link.partition("#")
    if urlsplit(link).scheme or not path:
        return link
    linked = Path(os.path.normpath(source.parent / path))
    if not (ROOT / linked).is_file():
        raise FileNotFoundError(f"{source} links to {path}, which is no file")
    if linked not in places:  # a picture or a table: copied
        places = {linked: Path("files", linked)}
        copy = target / places[linked]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / linked, copy)
    return os.path.relpath(places[linked], pages()[source].parent) + mark + anchor


class _Page(HTMLParser):
    """What a page loads, links to, and can be linked at."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the addresses and anchors of one element."""
        given = {name: value for name, value in attrs if value}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and "href" in given:
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])


def check(site: Path) -> list[str]:
    """Return a line for each link that does not resolve and each file loaded from a network.

    404.html is left to the server that sends it: its links start at the root of the site.
    """
    files = [file for file in sorted(site.rglob("*.html")) if file.name != "404.html"]
    parsed = {file: _Page(file.read_text(encoding="utf-8")) for file in files}
    problems = []
    for file, page in parsed.items():
        name = file.relative_to(site)
        remote = [load for load in page.loads if urlsplit(load).netloc]
        problems += [f"{name} loads {load} from a network" for load in remote]
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto", "data", "javascript") or parts.netloc:
                continue
            linked = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if linked.is_dir():
                linked /= "index.html"
            if not linked.is_file():
                problems.append(f"{name} links to {link}, which does not exist")
            elif parts.fragment and unquote(parts.fragment) not in parsed[linked].anchors:
                problems.append(f"{name} links to {link}, which has no such anchor")
    return problems


def main(command: str, folder: str) -> None:
    """Run `gather FOLDER` or `check FOLDER`."""
    if command == "gather":
        gather(Path(folder))
    elif problems := check(Path(folder).resolve()):
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main(*sys.argv[1:])
