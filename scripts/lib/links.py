"""The links within a built site: whether each leads to a file that is there, and to an anchor in it."""
import html.parser
import urllib.parse


class Page(html.parser.HTMLParser):
    """The anchors of a page, and where its links lead."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value)
            elif name in ("href", "src") and value and tag != "base":
                self.links.append(value)


def broken(site):
    """A line for each link of the site that leads nowhere, and the number of those that were followed."""
    read = {file.resolve(): Page(file.read_text()) for file in sorted(site.rglob("*.html"))}
    faults, followed = [], 0
    for file, page in read.items():
        for link in page.links:
            address = urllib.parse.urlsplit(link)
            if address.scheme or address.netloc:
                continue
            followed += 1
            path = urllib.parse.unquote(address.path)
            target = (file.parent / path).resolve() if path else file
            target = target / "index.html" if target.is_dir() else target
            anchor = urllib.parse.unquote(address.fragment)
            if not target.is_file():
                faults.append(f"{file.relative_to(site.resolve())}: {link}: there is no such file")
            elif anchor and target in read and anchor not in read[target].anchors:
                faults.append(f"{file.relative_to(site.resolve())}: {link}: there is no such anchor")
    return sorted(set(faults)), followed
