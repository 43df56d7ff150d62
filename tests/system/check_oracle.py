"""Compares an oracle of decisions with what a gateway lists: acknowledged is a subset of found is a
subset of sent.

    check_oracle.py ORACLE_FILE < openclaw-devices-list.ndjson
"""
import json
import sys

STATE = {"block": lambda d: d["state"] == "blocked", "expect": lambda d: d["expected"]}


def main(path):
    sent, acked = {}, {}
    for line in open(path, encoding="ascii"):
        word, action, device = line.split()
        (sent if word == "sent" else acked)[device] = action
    found = {}
    for line in sys.stdin:
        device = json.loads(line)
        found[device["device_id"]] = device
    lost = [i for i, action in acked.items() if i not in found or not STATE[action](found[i])]
    invented = [
        i for i, d in found.items()
        if (d["state"] == "blocked" or d["expected"])
        and (i not in sent or not STATE[sent[i]](d))
    ]
    print(f"sent={len(sent)} acked={len(acked)} found={len(found)} "
          f"lost={len(lost)} invented={len(invented)}")
    return 1 if lost or invented else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
