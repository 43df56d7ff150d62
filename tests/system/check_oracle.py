"""Compares an oracle of decisions with what a gateway lists: acknowledged is a subset of found is a
subset of sent.

    check_oracle.py ORACLE_FILE < openclaw-devices-list.ndjson

A line "power off -" says that from there on, up to "power on -", the machine has no power: what a
gateway says that a test could not end in the same instant is no acknowledgement.
"""
import json
import sys

STATE = {"block": lambda d: d["state"] == "blocked", "expect": lambda d: d["expected"]}


def main(path):
    sent, acked, late = {}, {}, {}
    has_power = True
    for line in open(path, encoding="ascii"):
        word, action, device = line.split()
        if word == "power":
            has_power = action == "on"
        elif word == "sent":
            sent[device] = action
        else:
            (acked if has_power else late)[device] = action
    found = {}
    for line in sys.stdin:
        device = json.loads(line)
        found[device["device_id"]] = device
    lost = [i for i, action in acked.items() if i not in found or not STATE[action](found[i])]
    late_lost = [i for i, action in late.items() if i not in found or not STATE[action](found[i])]
    invented = [
        i for i, d in found.items()
        if (d["state"] == "blocked" or d["expected"])
        and (i not in sent or not STATE[sent[i]](d))
    ]
    print(f"sent={len(sent)} acked={len(acked)} found={len(found)} "
          f"lost={len(lost)} invented={len(invented)} "
          f"late={len(late)} late_lost={len(late_lost)}")
    return 1 if lost or invented else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
