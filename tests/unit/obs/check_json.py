"""Runs the program given and reads each of its log lines with a JSON parser that is not ours."""
import json
import subprocess
import sys

output = subprocess.run([sys.argv[1]], stdout=subprocess.PIPE, check=True).stdout
lines = output.split(b"\n")
assert lines.pop() == b"", "the last line has no end"
assert len(lines) > 20000, len(lines)
for line in lines:
    value = json.loads(line.decode("utf-8"))
    assert list(value) == ["time", "level", "event", "hex", "claims", "n"], line
    given = bytes.fromhex(value["hex"])
    assert len(given) == value["n"], line
    try:
        wanted = given.decode("utf-8")
    except UnicodeDecodeError:
        assert "\ufffd" in value["claims"], line
    else:
        assert value["claims"] == wanted, line
    assert not any(byte < 0x20 or byte == 0x7F for byte in line), line
print(f"{len(lines)} lines")
