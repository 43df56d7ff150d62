#!/usr/bin/env python3
"""What a watch wrote, read again.

    check_events.py seqs LAST      standard input: each number up to LAST once, in order; prints how many
    check_events.py mirror LIST    standard input: snapshot and changes give what LIST (ndjson) shows
"""
import json
import sys


def records():
    for number, line in enumerate(sys.stdin, 1):
        assert line.endswith("\n"), f"line {number} is cut"
        yield json.loads(line)


def check_seqs(last):
    before, n = None, 0
    for record in records():
        if record["type"] == "synced":
            before = record["seq"]
        if record["type"] != "change":
            continue
        seq = record["seq"]
        assert before is None or seq == before + 1, f"{seq} comes after {before}"
        assert record["cursor"].startswith(f"{seq}-") and record["at"] and record["action"]
        before, n = seq, n + 1
    assert before == last, f"ends with {before}, not with {last}"
    print(n)


def bare(device):
    volatile = ("last_seen_at", "online", "host_group", "same_host_devices", "same_host_requests")
    return {key: value for key, value in device.items() if key not in volatile}


def check_mirror(path):
    mirror = {}
    for record in records():
        if record["type"] == "resync":
            mirror.clear()
        if record["device"]:
            mirror[record["device"]["device_id"]] = bare(record["device"])
    with open(path, encoding="utf-8") as file:
        listed = {item["device_id"]: bare(item) for item in map(json.loads, file)}
    missing = [key for key in listed if mirror.get(key) != listed[key]]
    assert not missing, f"{len(missing)} of {len(listed)} differ: {missing[:3]}"
    print(len(listed))


if sys.argv[1] == "seqs":
    check_seqs(int(sys.argv[2]))
else:
    check_mirror(sys.argv[2])
