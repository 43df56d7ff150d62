#!/usr/bin/env python3
"""The layout of what libopenclaw's headers declare, and whether it is still what programs were
built with.

    record_abi.py check HEADERS RECORD    what is recorded must stand, what is new must be recorded
    record_abi.py write HEADERS RECORD    adds what is new; refuses when a recorded line would change

RECORD holds a line for each struct ("struct oc_device", size, alignment), each field (offset,
size) and each value of an enum. openclaw/version.h says how structs grow: new fields take their
bytes from `reserved`, which is not recorded; nor is the size of what only the library makes, nor
are the counts of enums. The compiler is $CC or cc, of a 64-bit target.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the tree stays as it is
import make_reference  # noqa: E402


def bare(code):
    return re.sub(r"/\*.*?\*/", "", code, flags=re.S)


def field_names(code):
    body = bare(code)
    for member in body[body.index("{") + 1:body.rindex("}")].split(";"):
        pointer = re.search(r"\(\*(\w+)(\[\w+\])?\)\(", member)
        if pointer:
            yield pointer[1]
        elif member.strip():
            for declarator in re.sub(r"\[[^\]]*\]", "", member).split(","):
                yield re.search(r"(\w+)\s*$", declarator)[1]


def probes(items):
    """Statements that print the lines of the record."""
    for item in items:
        if item.code.startswith("struct") and "{" in item.code:
            may_grow = "Made by the library alone" in " ".join(item.contract.paragraphs)
            if not may_grow:
                yield f'SIZE(struct {item.name});'
            for field in field_names(item.code):
                if field != "reserved":
                    yield f'FIELD(struct {item.name}, {field});'
        elif item.kind != "function" and item.code.startswith("enum"):
            body = bare(item.code)
            for name in re.findall(r"\b(OC_\w+)\b(?=\s*[,=}\n])", body[body.index("{"):]):
                if not name.endswith("_COUNT"):
                    yield f'VALUE({name});'


PROGRAM = """
#include <stddef.h>
#include <stdio.h>
#define SIZE(type) printf(#type " %zu %zu\\n", sizeof(type), _Alignof(type))
#define FIELD(type, name) \\
    printf(#type "." #name " %zu %zu\\n", offsetof(type, name), sizeof(((type *)0)->name))
#define VALUE(name) printf(#name " %d\\n", (int)name)
int main(void)
{
    _Static_assert(sizeof(void *) == 8, "of a 64-bit target");
"""


def layout(folder):
    headers = make_reference.read_all(folder)
    includes = "".join(f"#include <openclaw/{name}.h>\n" for name, _, _ in headers)
    lines = [line for _, _, items in headers for line in probes(items)]
    with tempfile.TemporaryDirectory() as place:
        source = pathlib.Path(place, "layout.c")
        source.write_text(includes + PROGRAM + "\n".join(lines) + "\n}\n", encoding="utf-8")
        program = str(source.with_suffix(""))
        subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-I",
                        str(pathlib.Path(folder).parent), str(source), "-o", program], check=True)
        return subprocess.run([program], check=True, capture_output=True,
                              text=True).stdout.splitlines()


def main(arguments):
    if len(arguments) != 3 or arguments[0] not in ("check", "write"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    record = pathlib.Path(arguments[2])
    now = layout(arguments[1])
    then = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    broken = [line for line in then if line not in set(now)]
    facts = {line.rsplit(" ", line.count(" ") - line.startswith("struct"))[0]: line for line in now}
    for line in broken:
        name = line.rsplit(" ", line.count(" ") - line.startswith("struct"))[0]
        print(f"abi: {line} was promised; now {facts.get(name, 'it is gone')}: programs that were "
              "built before break (new fields stand before `reserved` and take their bytes from it)")
    if broken:
        return 1
    if arguments[0] == "write":
        record.write_text("\n".join(now) + "\n", encoding="utf-8")
        return 0
    new = [line for line in now if line not in set(then)]
    for line in new:
        print(f"abi: {line} is new and not recorded; run: ./dev docs")
    print(f"abi: {len(now)} facts")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
