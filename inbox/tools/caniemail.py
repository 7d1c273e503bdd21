#!/usr/bin/env python3
"""Makes src/check/caniemail.txt from the data of caniemail.com, as the npm package `caniemail` carries it (MIT).

    npm pack caniemail@1.0.5 && tar xzf caniemail-1.0.5.tgz
    python3 tools/caniemail.py package/dist/data/caniemail.json > src/check/caniemail.txt

A line for each feature that can be told from a mail's source: what to look for, its title, and a letter for each
client in the order of the second line: y yes, a partly, n no, u unknown.
"""

import json
import re
import sys

SKIPPED = {
    "html-doctype", "html-comments", "css-comments", "html-body", "html-div", "html-p", "html-span", "html-table",
    "html-style", "html-lists", "html-h1-h6", "html-anchor-links", "css-unit-initial", "html-svg",
    "css-border-inline-block-individual", "css-border-inline-block-longhand",
}
SPECIAL = {
    "css-gap": ["p:gap", "p:column-gap", "p:row-gap"],
    "css-left-right-top-bottom": ["p:left", "p:right", "p:top", "p:bottom"],
    "css-pseudo-class-lang": ["s:lang"],
    "css-unit-calc": ["f:calc"],
    "css-variables": ["f:var"],
    "css-important": [],
    "css-modern-color": ["f:lch", "f:oklch", "f:lab", "f:oklab"],
    "css-grid-template": ["p:grid-template", "p:grid-template-columns", "p:grid-template-rows", "p:grid-template-areas"],
    "css-color-scheme": ["p:color-scheme"],
    "css-unit-percent": [],
    "html-semantics": ["e:" + name for name in "article aside details figcaption figure footer header main mark nav section summary time".split()],
    "html-mailto-links": [],
    "html-srcset": ["a:srcset", "a:sizes"],
    "html-image-maps": ["e:map"],
    "html-address": ["e:address"],
    "html-base": ["e:base"],
    "html-meta-color-scheme": [],
    "image-svg": ["i:svg"], "image-webp": ["i:webp"], "image-avif": ["i:avif"], "image-heif": ["i:heif"],
    "image-bmp": ["i:bmp"], "image-tiff": ["i:tiff"], "image-ico": ["i:ico"], "image-mp4": ["i:mp4"],
    "image-base64": ["i:data"],
}


def keys(feature):
    slug, title = feature["slug"], feature["title"].strip()
    if slug in SKIPPED:
        return []
    if slug in SPECIAL:
        return SPECIAL[slug]
    if feature["category"] == "css":
        if title.startswith("@"):
            inner = re.findall(r"@media \(([a-z-]+)\)", title)
            return ["@:" + name for name in inner] or ["@:" + title[1:]]
        if title.startswith(":"):
            return ["s:" + title.lstrip(":").rstrip("()")]
        pair = re.fullmatch(r"([a-z-]+):\s*([a-z-]+)", title)
        if pair:
            return [f"v:{pair[1]}:{pair[2]}"]
        unit = re.fullmatch(r"([a-z]+) unit", title)
        if unit:
            return ["u:" + unit[1]]
        functions = re.findall(r"([a-z-]+)\(\)", title)
        if functions:
            return ["f:" + name for name in functions]
        name = re.sub(r" (shorthand|property)$", "", title)
        if re.fullmatch(r"[a-z-]+", name):
            return ["p:" + name]
        names = re.findall(r"[a-z]+(?:-[a-z]+)+", title) if " & " in title else []
        return ["p:" + name for name in names]
    if feature["category"] == "html":
        typed = re.fullmatch(r'<(\w+) type="(\w+)"> element', title)
        if typed:
            return [f"t:{typed[1]}:{typed[2]}"]
        element = re.fullmatch(r"<(\w+)> element", title)
        if element:
            return ["e:" + element[1]]
        attribute = re.fullmatch(r"([a-z-]+) attribute", title)
        if attribute:
            return ["a:" + attribute[1]]
    return []


def main():
    data = json.load(open(sys.argv[1], encoding="utf-8"))
    names = data["nicenames"]
    clients = sorted({(family, platform) for feature in data["data"]
                      for family, platforms in feature["stats"].items() for platform in platforms})
    print(f"Data of caniemail.com, {data['last_update_date'][:10]}; see caniemail.license.")
    print("\t".join(f"{names['family'][f]} ({names['platform'][p]})" for f, p in clients))
    for feature in data["data"]:
        found = keys(feature)
        if not found:
            continue
        letters = ""
        for family, platform in clients:
            versions = feature["stats"].get(family, {}).get(platform) or {}
            letters += (list(versions.values()) or ["u"])[-1].strip()[:1].lower() or "u"
        print(f"{' '.join(found)}\t{feature['title'].strip()}\t{letters}")


main()
