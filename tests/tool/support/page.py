# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pages that the tool writes: well formed, and in need of nothing else."""

import html.parser

from support import tool

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(html.parser.HTMLParser):
    """Notes elements that are not closed in order, what is loaded from elsewhere, and the text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.words, self.counts = [], [], [], {}
        self.ids, self.anchors = set(), set()
        self.feed(text)
        self.close()
        self.wrong += [f"{name} is never closed" for name in self.open]

    def handle_starttag(self, name, attributes):
        self.handle_startendtag(name, attributes)
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attributes):
        self.counts[name] = self.counts.get(name, 0) + 1
        for key, value in attributes:
            if key == "id":
                if value in self.ids:
                    self.wrong.append(f"id {value} is there twice")
                self.ids.add(value)
            if key in ("src", "href", "xlink:href", "data", "action", "srcset"):
                if value.startswith("#"):
                    self.anchors.add(value[1:])
                else:
                    self.wrong.append(f"{name} {key} leads to {value}")

    def handle_endtag(self, name):
        if not self.open or self.open.pop() != name:
            self.wrong.append(f"{name} is closed out of order at {self.getpos()}")

    def handle_data(self, data):
        self.words.append(data)


def read(text):
    """The page, after what has to hold for each was expected of it."""
    page = Page(text)
    tool.expect(not page.wrong, f"well formed and self-contained: {page.wrong[:5]}")
    tool.expect("script" not in page.counts and "@import" not in text and "url(" not in text,
                "no script, no style from elsewhere")
    tool.expect(page.anchors and page.anchors <= page.ids, "links within the page lead somewhere")
    tool.expect(text.endswith("</html>\n"), "the page is whole")
    return page
