#!/usr/bin/env python3
"""The reference of libopenclaw, made of the contracts in its headers.

    make_reference.py check HEADERS             every public function has a whole contract
    make_reference.py page HEADERS              the reference page, Markdown, on standard output
    make_reference.py man HEADERS VERSION DIR   a manual page of section 3 for every function

A comment right above a declaration is its contract, and that of the declarations which follow
without an empty line; the first comment of a header is about all of it. Contracts end in labels:
Units, Owns, Fails, Thread, in this order, each with its text to the end of its indented lines.
"""
import pathlib
import re
import sys
import textwrap

LABELS = ["Units", "Owns", "Fails", "Thread"]
# Of a header as a whole.
HEAD_LABELS = ["Callbacks", "Fork", "Process", "Errors"]
# In the order in which they are read; what is not named comes after.
HEADERS = ["client", "admin", "device", "administrators", "admin_pki", "bundle", "offline_ca", "watch", "wait", "backup", "reload", "pairing", "diagnose", "error", "status", "states", "types", "version"]


class Contract:
    """A comment: paragraphs, and labels with their texts."""

    def __init__(self, comment):
        self.paragraphs, self.labels, self.order = [], {}, []
        lines = [re.sub(r"^ ?\* ?", "", line.strip())
                 for line in re.sub(r"^/\*+|\*/$", "", comment.strip()).splitlines()]
        at = None  # the label whose text goes on
        for line in lines:
            label = re.match(r"([A-Z][a-z]+): +(.*)", line)
            if label and (label[1] in LABELS + HEAD_LABELS):
                at = label[1]
                self.order.append(at)
                self.labels[at] = label[2]
            elif at and line.startswith("  "):
                self.labels[at] += " " + line.strip()
            elif not line.strip():
                at = None
                self.paragraphs.append("")
            else:
                at = None
                if not self.paragraphs:
                    self.paragraphs.append("")
                # Lists and indented text keep their lines.
                keeps = line.startswith(("- ", "  "))
                glue = "\n" if keeps or not self.paragraphs[-1] else " "
                self.paragraphs[-1] = (self.paragraphs[-1] + glue + line.rstrip()).strip("\n")
        self.paragraphs = [p for p in self.paragraphs if p.strip()]


class Item:
    """One declaration: kind, name, its code and its contract."""

    def __init__(self, kind, name, code, contract, is_first):
        self.kind, self.name, self.code = kind, name, code
        self.contract, self.is_first = contract, is_first


def kind_and_name(code):
    if code.startswith("#define"):
        return "constant", re.match(r"#define (\w+)", code)[1]
    if code.startswith("typedef"):
        return "type", re.search(r"\(\*(\w+)\)", code)[1]
    named = re.match(r"(struct|enum) (\w+)( \{|;)", code)
    if named:
        return "type", named[2]
    if code.startswith("enum {"):
        return "constants", re.search(r"\b(OC_\w+)", code)[1] + " ..."
    return "function", re.search(r"\b(oc_\w+)\(", code)[1]


def without_blocks(text):
    """Takes out what is for C++ and for compilers; macros that programs use stay."""
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.S)
    text = re.sub(r"#if defined\(__GNUC__\)\n(#pragma GCC .*\n|__attribute__.*\n)#endif\n", "", text)
    text = re.sub(r"#if defined\(__GNUC__\)\n(#define .*\n)#else\n.*\n#endif\n", r"\1", text)
    return re.sub(r"#(pragma|include) .*\n", "", text)


def declarations(text):
    """Yields (comment, code, whether it follows at once) of a header without its first comment."""
    comment, code, is_close = "", [], False
    for piece in re.findall(r"/\*.*?\*/\n|[^\n]*\n", text, flags=re.S):
        inside = bool(code)
        if not inside and piece.startswith("/*") and piece.endswith("*/\n"):
            comment = "" if piece.startswith("/* ----") else piece
            is_close = False
        elif not inside and not piece.strip():
            comment, is_close = "", False
        else:
            code.append(piece)
            whole = "".join(code)
            plain = re.sub(r"/\*.*?\*/", "", whole, flags=re.S)
            is_done = plain.startswith("#") or (
                plain.rstrip().endswith(";") and plain.count("{") == plain.count("}"))
            if is_done:
                yield comment, whole.rstrip("\n"), is_close
                code, is_close = [], True


def read_header(path):
    """Gives the header's own contract and its items."""
    text = path.read_text(encoding="utf-8")
    head = re.match(r"/\*.*?\*/\n", text, flags=re.S)
    items, last = [], None
    for comment, code, is_close in declarations(without_blocks(text[head.end():])):
        is_first = bool(comment) and not (last and comment == last[0] and is_close)
        kind, name = kind_and_name(code)
        contract = Contract(comment)
        items.append(Item(kind, name, code, contract, is_first))
        last = (comment, code)
    return Contract(head[0]), items


def read_all(folder):
    paths = {path.stem: path for path in pathlib.Path(folder).glob("*.h")}
    order = [name for name in HEADERS if name in paths] + sorted(set(paths) - set(HEADERS))
    return [(name, *read_header(paths[name])) for name in order]


# ---- check -------------------------------------------------------------------------------------


def wanted_labels(item):
    """What a function's declaration says must be told."""
    arguments = item.code[item.code.index("("):]
    if re.search(r"\b(size_t|u?int\d+_t) (?!\*)\w+[,)]", arguments):
        yield "Units"
    if "**" in arguments or re.search(r"_(free|close)$", item.name):
        yield "Owns"
    if "OC_MUST_CHECK" in item.code:
        yield "Fails"


def complaints(headers):
    for header, head, items in headers:
        for item in items:
            where = f"openclaw/{header}.h: {item.name}"
            if item.kind == "function":
                if not item.contract.paragraphs:
                    yield f"{where}: has no contract"
                for label in wanted_labels(item):
                    if label not in item.contract.labels:
                        yield f"{where}: its contract lacks {label}"
                if "Thread" not in {**head.labels, **item.contract.labels}:
                    yield f"{where}: neither it nor its header says Thread"
            elif item.kind == "type" and not item.contract.paragraphs and "/*" not in item.code:
                yield f"{where}: nothing is said of it"
            order = [LABELS.index(label) for label in item.contract.order if label in LABELS]
            if order != sorted(set(order)):
                yield f"{where}: labels stand as Units, Owns, Fails, Thread, each once"


# ---- page --------------------------------------------------------------------------------------


def anchor(name):
    return name.lower()


def escaped(text):
    """Stars, brackets and angles mean themselves, but in code."""
    parts = text.split("`")
    return "`".join(re.sub(r"([*<\[])", r"\\\1", part) if i % 2 == 0 else part
                    for i, part in enumerate(parts))


def wrapped(text, indent=""):
    """Keeps the lines of a paragraph that were kept when it was read."""
    return "\n".join(textwrap.fill(line, 100, subsequent_indent=indent, break_long_words=False,
                                   break_on_hyphens=False) for line in text.splitlines())


def page_contract(contract, inherited):
    for paragraph in contract.paragraphs:
        is_list = paragraph.startswith("- ")
        yield wrapped(escaped(paragraph), "  " if is_list else "") + "\n"
    labels = {**{k: v for k, v in inherited.items() if k == "Thread"}, **contract.labels}
    lines = [wrapped(f"- **{label}:** {escaped(labels[label])}", "  ")
             for label in LABELS + HEAD_LABELS if label in labels]
    if lines:
        yield "\n".join(lines) + "\n"


def page(headers):
    yield "# libopenclaw: reference\n"
    yield ("Made by `client/make_reference.py` from the contracts in `include/openclaw`; a test "
           "compares. Change\nthe headers, then run `./dev docs`. How it all fits together is told "
           "in [README.md](README.md).\n")
    for name, _, items in headers:
        functions = [f"[{item.name}](#{anchor(item.name)})" for item in items
                     if item.kind == "function"]
        yield f"- [openclaw/{name}.h](#openclaw{name}h)" + (
            ": " + ",\n  ".join(functions) if functions else "")
    for name, head, items in headers:
        yield f"\n## openclaw/{name}.h\n"
        yield from page_contract(head, {})
        for group in groups(items):
            for item in group:
                yield f"### {item.name}\n"
            yield "```c\n" + "\n".join(item.code for item in group) + "\n```\n"
            is_function = group[0].kind == "function"
            yield from page_contract(group[0].contract, head.labels if is_function else {})


def groups(items):
    """Items under one comment."""
    group = []
    for item in items:
        if group and not item.is_first and item.contract.paragraphs:
            group.append(item)
            continue
        if group:
            yield group
        group = [item]
    if group:
        yield group


# ---- man ---------------------------------------------------------------------------------------


def troff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line
                     for line in text.splitlines())


def first_sentence(contract):
    sentence = re.match(r".*?[.:;](?=\s|$)|.*", " ".join(contract.paragraphs), flags=re.S)[0]
    sentence = " ".join(sentence.split()).rstrip(".:;")
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence


def prototype(code):
    """Without the attribute, and without the indentation that it caused."""
    bare = code.replace("OC_MUST_CHECK ", "")
    return re.sub(r"\n +", "\n    ", bare)


def man_page(header, head, group, version):
    names = ", ".join(item.name for item in group)
    yield f'.TH {group[0].name} 3 "" "libopenclaw {version}" "libopenclaw"'
    yield f".SH NAME\n{names} \\- {troff(first_sentence(group[0].contract))}"
    yield f".SH SYNOPSIS\n.nf\n#include <openclaw/{header}.h>\n"
    yield troff("\n".join(prototype(item.code) for item in group))
    yield ".fi\n.SH DESCRIPTION"
    yield "\n.PP\n".join(troff(paragraph) for paragraph in group[0].contract.paragraphs)
    labels = {**{k: v for k, v in head.labels.items() if k in ("Thread", "Fork")},
              **group[0].contract.labels}
    titles = {"Units": "UNITS", "Owns": "OWNERSHIP", "Fails": "ERRORS", "Thread": "THREADS",
              "Fork": "FORK"}
    for label, title in titles.items():
        if label in labels:
            yield f".SH {title}\n{troff(labels[label])}"
        if label == "Fails" and "as all calls here" in labels.get(label, ""):
            yield f".PP\nAs all calls of openclaw/{header}.h: " + troff(
                re.sub(r"^all of them: ", "", head.labels[label]))
    yield ".SH SEE ALSO\nThe reference page and README of libopenclaw, pkg\\-config openclaw."


def write_man(headers, version, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for header, head, items in headers:
        for group in groups([item for item in items if item.kind == "function"]):
            text = "\n".join(man_page(header, head, group, version)) + "\n"
            (folder / f"{group[0].name}.3").write_text(text, encoding="utf-8")
            for item in group[1:]:
                (folder / f"{item.name}.3").write_text(f".so man3/{group[0].name}.3\n",
                                                       encoding="utf-8")


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ("check", "page", "man"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    headers = read_all(arguments[1])
    if arguments[0] == "man":
        write_man(headers, *arguments[2:4])
        return 0
    if arguments[0] == "page":
        print("\n".join(page(headers)))
        return 0
    found = list(complaints(headers))
    for complaint in found:
        print(f"reference: {complaint}")
    count = sum(item.kind == "function" for _, _, items in headers for item in items)
    print(f"reference: {count} functions, {len(found)} complaints")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
