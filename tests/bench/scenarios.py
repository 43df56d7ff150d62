"""What is measured. A scenario is a function of (make_servers, seconds) that runs once and yields
(shape, metric, unit, value, floor, peer); floor and peer may be left out where nothing bare, or no
peer, does the same. Under a second is small: to see that it works."""
import os
import resource
import shutil
import signal
import threading
import time

from servers import Agents, run_tool

COSTS = [("server_cpu_s_per_100k", "s"), ("client_cpu_s_per_100k", "s"), ("p50_us", "us"),
         ("p99_us", "us"), ("bare_kib_per_session", "KiB")]


def within_descriptors(wanted):
    return min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000)


def figures_of(shape, metric, unit, ours, floor, peer):
    """The metric and what it cost, as one tool each found."""
    for name, its_unit in [(metric, unit)] + COSTS:
        if name in ours:
            yield shape, name, its_unit, ours[name], floor.get(name), peer.get(name)


def by_all(servers, scenario, shape, arguments, metric, unit):
    """The same by bench_fleet, bench_floor and bench_grpc."""
    found = {who: servers.measure(who, scenario, *arguments) for who in servers.parties()}
    yield from figures_of(shape, metric, unit, found["ours"], found["floor"],
                          found.get("peer", {}))


def unary(make_servers, seconds):
    with make_servers() as servers:
        servers.start_floor()
        servers.start_gateway()
        servers.start_peer()
        for connections, depth in [(1, 1), (1, 64), (64, 1), (64, 16)]:
            yield from by_all(servers, "unary", f"{connections}x{depth}",
                              (connections, depth, seconds), "requests_per_s", "1/s")


def connect(make_servers, seconds):
    """By devices that cost as little as the floor's, so that the servers are compared; and by our
    own connection code, as gRPC is by its own."""
    with make_servers() as servers:
        servers.start_floor()
        servers.start_gateway()
        servers.start_peer()
        found = {}
        for who in servers.parties():
            found[who] = servers.measure(who, "connect", 64, seconds)
            if who == "ours":
                found["knock"] = servers.measure("knock", "connect", 64, seconds)
        for shape, who in (("64 at a time", "knock"), ("64 at a time, our client", "ours")):
            yield from figures_of(shape, "connects_per_s", "1/s", found[who], found["floor"],
                                  found.get("peer", {}))


def idle(make_servers, seconds):
    """Sessions with a heartbeat each in 30 s: memory, and the processors' time for as long."""
    sessions = within_descriptors(20000) if seconds >= 1 else 100
    pace = (30, 5 * seconds) if seconds >= 1 else (1, 0.5)
    with make_servers() as servers:
        servers.start_floor()
        servers.start_gateway()
        yield from by_all(servers, "idle", f"{sessions} sessions", (sessions, *pace),
                          "resident_kib_per_session", "KiB")


def latency(make_servers, seconds):
    """How soon a decision reaches the agent that it is about."""
    count = within_descriptors(1000) if seconds >= 1 else 40
    with make_servers() as servers:
        servers.start_gateway()
        with Agents(servers, count) as agents:
            agents.tell("connect")
            for verb, effect in [("approve", "approve_to_connected"),
                                 ("revoke", "revoke_to_closed")]:
                for at_once in (1, 64):
                    run = agents.tell(verb, count // 2, at_once)
                    shape = f"{count} agents, {at_once} at once"
                    for share in ("p50", "p99"):
                        yield shape, f"{effect}_{share}_ms", "ms", run[f"effect_{share}_ms"], None
                        yield shape, f"{verb}_{share}_ms", "ms", run[f"answer_{share}_ms"], None


def decisions(make_servers, seconds):
    """Approvals that are on disk, beside a bare loop that writes the same rows in such groups, and
    one fdatasync."""
    many, few = (10000, 1000) if seconds >= 1 else (200, 20)
    shapes = [("64 callers", 64, 1, many // 2), ("1 caller, 256 in flight", 1, 256, many),
              ("1 caller", 1, 1, few)]
    for shape, callers, depth, count in shapes:
        with make_servers("maxPending: 20000") as servers:
            gateway_dir = os.path.join(servers.home, "gateway")
            copy = os.path.join(servers.home, "floor.db")
            run_tool(servers.tool("populate"), gateway_dir, 1000, count)
            shutil.copyfile(os.path.join(gateway_dir, "gateway.db"), copy)
            servers.start_gateway()
            ours = run_tool(servers.path("bench_deciders"), servers.home, servers.gateway.pid,
                            callers, depth, count)
            group = max(1, round(ours["decisions_per_commit"]))
            floor = run_tool(servers.path("bench_decision_floor"), "write", copy, group, count)
            sync = run_tool(servers.path("bench_decision_floor"), "sync", servers.home, few)
            yield shape, "decisions_per_s", "1/s", ours["decisions_per_s"], floor["decisions_per_s"]
            yield (shape, "server_cpu_s_per_100k", "s", ours["server_cpu_s_per_100k"],
                   floor["server_cpu_s_per_100k"])
            yield shape, "client_cpu_s_per_100k", "s", ours["client_cpu_s_per_100k"]
            yield shape, "decisions_per_commit", "", ours["decisions_per_commit"], None
            yield shape, "p50_ms", "ms", ours["p50_ms"], sync["p50_ms"]
            yield shape, "p99_ms", "ms", ours["p99_ms"], sync["p50_ms"]


def growth(make_servers, seconds):
    """What depends on how many devices there are, and should not."""
    sizes = (1000, 100000, 1000000) if seconds >= 1 else (100, 1000)
    count = 200 if seconds >= 1 else 10
    for size in sizes:
        yield from grown(make_servers, f"{size:,} devices", size, count)


def grown(make_servers, shape, size, count):
    with make_servers() as servers:
        servers.start_gateway()
        few_kib = servers.resident_kib()
        servers.stop_gateway()
        servers.take_store(size)
        servers.start_gateway()
        with Agents(servers, 1) as probe, Agents(servers, count) as crowd:
            probe.tell("connect")
            probe.tell("approve", 1, 1)
            servers.stop_gateway()
            probe.say("reach")
            servers.launch_gateway()
            yield shape, "start_to_serving_s", "s", probe.hear()["took_s"]
            grown_kib = servers.resident_kib()
            yield shape, "resident_bytes_per_device", "B", (grown_kib - few_kib) * 1024 / size
            yield shape, "connect_p50_ms", "ms", probe.tell("connects", count)["p50_ms"]
            crowd.tell("connect")
            approve = crowd.tell("approve", count, 1)
            yield shape, "approve_p50_ms", "ms", approve["answer_p50_ms"]
            yield shape, "first_page_p50_ms", "ms", probe.tell("pages", 50)["p50_ms"]


def restart(make_servers, seconds):
    """A gateway that was killed, and all its agents at once; the floor is the time that as many
    connects take at the rate measured before. None is refused: who comes too soon waits in line."""
    count = within_descriptors(5000) if seconds >= 1 else 50
    with make_servers() as servers:
        servers.start_gateway()
        rate = servers.measure("ours", "connect", 64, seconds)["connects_per_s"]
        with Agents(servers, count) as agents:
            agents.tell("connect")
            agents.tell("approve", count, 64)
            agents.tell("follow")
            servers.stop_gateway(signal.SIGKILL)
            agents.tell("lost")
            servers.start_gateway()
            found = {}
            back = threading.Thread(target=lambda: found.update(agents.tell("settled")))
            back.start()
            slowest = 0
            while back.is_alive():
                asked = time.monotonic()
                servers.openclaw("devices", "list", "-o", "name")
                slowest = max(slowest, time.monotonic() - asked)
                time.sleep(0.25)  # asked without pause it would be a load of its own
    shape, floor = f"{count} agents", count / max(rate, 1)
    for metric, key, share in [("half_in_session_s", "p50_s", 0.5),
                               ("95_percent_in_session_s", "p95_s", 0.95),
                               ("all_in_session_s", "took_s", 1)]:
        yield shape, metric, "s", found[key], floor * share
    yield shape, "slowest_list_s", "s", slowest, None


def flood(make_servers, seconds):
    """Strangers that ask without pause, at every cap, while approved devices work; and while the
    floor works, for less long: it has no caps to fill."""
    strangers = 2000 if seconds >= 1 else 50
    long = {"ours": 20 * seconds, "floor": 7 * seconds} if seconds >= 1 else {"ours": 1, "floor": 1}
    with make_servers("maxPending: 1000, maxPendingPerSource: 16") as servers:
        servers.start_floor()
        servers.start_gateway()
        before_kib, before_db = servers.resident_kib(), servers.database_kib()
        found = {}
        for who in servers.parties():
            with Agents(servers, strangers) as agents:
                agents.say("storm", long[who])
                found[who] = servers.measure(who, "unary", 8, 1, max(0.1, long[who] - 1))
                agents.hear()
        shape = f"{strangers} strangers for {long['ours']:g} s"
        for metric in ("p50_us", "p99_us"):
            floor, ours = found["floor"], found["ours"]
            if metric in ours:
                yield shape, metric, "us", ours[metric], floor.get(metric)
        yield shape, "resident_growth_kib", "KiB", servers.resident_kib() - before_kib, None
        yield shape, "database_growth_kib", "KiB", servers.database_kib() - before_db, None


ALL = {each.__name__: each for each in
       (unary, connect, idle, latency, decisions, growth, restart, flood)}
