"""The pages of the site: those that docs/README.md names in its tables, and whatever the indexes of folders there name.

Pages keep their places in the tree, so that links between them are the same in the repository and on the site. Links that
lead elsewhere in the tree lead to the repository there.
"""
import collections
import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
INDEX = "docs/README.md"
FIRST = "README.md"
IMAGES = {".svg", ".png"}

Part = collections.namedtuple("Part", "title pages")  # of the summary: its heading and paths, each with those below it

# What has links, and before it what only looks as if: blocks of code, and code within a line.
LINK = re.compile(
    r"^(?P<fence>```+).*?^(?P=fence)`*[ ]*$|(?P<ticks>`+)(?:(?!\n\n).)+?(?<!`)(?P=ticks)(?!`)|\]\((?P<target>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)


def read(page):
    return (ROOT / page).read_text()


def resolved(page, path):
    """The path from the root of the tree of what a page calls `path`."""
    return os.path.normpath(os.path.join(os.path.dirname(page), path))


def named(page, text):
    """The pages that the tables in the text of an index name in the first column, without anchors."""
    found = re.findall(r"^\| \[[^]]*\]\(([^)#]+\.md)(?:#[^)]*)?\) \|", text, re.MULTILINE)
    return [resolved(page, path) for path in found]


def summary():
    """The parts of the site, under the headings of the index. What was named before is not named again."""
    parts, seen = [], {FIRST, INDEX}
    for section in re.split(r"^## ", read(INDEX), flags=re.MULTILINE)[1:]:
        parts.append(Part(section.split("\n", 1)[0], {}))
        for page in named(INDEX, section):
            if page not in seen:
                seen.add(page)
                below = [path for path in named(page, read(page)) if path not in seen] if is_index(page) else []
                seen.update(below)
                parts[-1].pages[page] = below
    return parts


def is_index(page):
    """Whether a page is the index of a folder of docs/."""
    return page.startswith("docs/") and page.endswith("/README.md")


def pages():
    """The paths of all pages, in the order of the site."""
    found = [FIRST, INDEX]
    for part in summary():
        for page, below in part.pages.items():
            found += [page, *below]
    return found


def title(page):
    return re.search(r"^# (.+)$", read(page), re.MULTILINE).group(1)


def summary_text():
    """The summary as mdBook reads it."""
    lines = [f"[{title(page)}]({page})" for page in (FIRST, INDEX)]
    for part in summary():
        lines += ["", f"# {part.title}", ""]
        for page, below in part.pages.items():
            lines += [f"- [{title(page)}]({page})", *(f"    - [{title(path)}]({path})" for path in below)]
    return "# Summary\n\n" + "\n".join(lines) + "\n"


def repository():
    """The address of the repository, as the chart has it."""
    return re.search(r"^home: (\S+)$", read("charts/pg-bootstrap-operator/Chart.yaml"), re.MULTILINE).group(1)


def is_image(path):
    return pathlib.PurePath(path).suffix in IMAGES


def rewritten(page, text, known, address):
    """The text of a page, with its links to what is no page led to the repository.

    mdBook makes index.html of a README.md, but leaves the links to it.
    """

    def link(match):
        target = match.group("target")
        if not target or re.match(r"[a-z]+:|#", target):
            return match.group()
        named, mark, anchor = target.partition("#")
        path = resolved(page, named)
        if path in known:
            return f"]({re.sub('README.md$', 'index.md', named)}{mark}{anchor})"
        if is_image(path):
            return match.group()
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"]({address}/{kind}/main/{path}{mark}{anchor})"

    return LINK.sub(link, text)


def images(page, text):
    """The paths of the images that a page shows."""
    targets = (match.group("target") for match in LINK.finditer(text))
    return {resolved(page, target) for target in targets if target and is_image(target) and ":" not in target}


def copy(into):
    """Writes pages, images and summary into a folder."""
    known, address = set(pages()), repository()
    for page in known:
        text = read(page)
        write(into / page, rewritten(page, text, known, address).encode())
        for image in images(page, text):
            write(into / image, (ROOT / image).read_bytes())
    write(into / "SUMMARY.md", summary_text().encode())


def write(file, content):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
