-- Version 1. Applied whole, in one transaction, to an empty database.
--
-- Times are Unix milliseconds, UTC; 0 is "none". Flags are 0 or 1. Blobs named asked, granted,
-- ask and labels hold the compact forms that server/store/README.md describes; an empty blob is
-- no grant, or no labels. Numbers that C holds unsigned are stored with the same 64 bits.

-- One row: which database this is, and how far it got.
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    gateway_id BLOB NOT NULL CHECK (length(gateway_id) = 16),
    database_id BLOB NOT NULL CHECK (length(database_id) = 16),
    schema_version INTEGER NOT NULL CHECK (schema_version >= 1),
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    audit_seq INTEGER NOT NULL CHECK (audit_seq >= 0),
    audit_head BLOB NOT NULL CHECK (length(audit_head) = 32),
    created_ms INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL
) STRICT;

-- One row per device, tombstones included (is_removed): rows are never deleted.
CREATE TABLE devices (
    device INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    standing INTEGER NOT NULL CHECK (standing BETWEEN 0 AND 3), -- none approved revoked blocked
    generation INTEGER NOT NULL CHECK (generation >= 0),
    is_removed INTEGER NOT NULL CHECK (is_removed IN (0, 1)),
    asked BLOB NOT NULL,
    granted BLOB NOT NULL,
    term_ends_ms INTEGER NOT NULL CHECK (term_ends_ms >= 0),
    alias TEXT NOT NULL CHECK (length(CAST(alias AS BLOB)) <= 64),
    labels BLOB NOT NULL,
    mac BLOB NOT NULL CHECK (length(mac) = 32), -- over all columns above
    claimed_name TEXT NOT NULL CHECK (length(CAST(claimed_name AS BLOB)) <= 64),
    last_end INTEGER NOT NULL CHECK (last_end BETWEEN 0 AND 6),
    replaced TEXT NOT NULL -- up to four request ids of ten characters, newest first
        CHECK (length(replaced) <= 40 AND length(replaced) % 10 = 0),
    replaced_ms INTEGER NOT NULL CHECK (replaced_ms >= 0),
    cool_down_until_ms INTEGER NOT NULL CHECK (cool_down_until_ms >= 0),
    cool_down_step INTEGER NOT NULL CHECK (cool_down_step BETWEEN 0 AND 255),
    refused_upgrade BLOB CHECK (length(refused_upgrade) = 32),
    refused_upgrade_until_ms INTEGER NOT NULL CHECK (refused_upgrade_until_ms >= 0),
    first_seen_ms INTEGER NOT NULL CHECK (first_seen_ms >= 0),
    requested_ms INTEGER NOT NULL CHECK (requested_ms >= 0),
    decided_ms INTEGER NOT NULL CHECK (decided_ms >= 0),
    decided_by TEXT NOT NULL CHECK (length(CAST(decided_by AS BLOB)) <= 80),
    -- A grant is in force exactly while approved; every standing but none was decided.
    CHECK ((standing = 1) = (length(granted) > 0)),
    CHECK (standing = 0 OR generation > 0),
    CHECK (standing = 1 OR (term_ends_ms = 0 AND refused_upgrade_until_ms = 0)),
    CHECK (standing <> 3 OR cool_down_until_ms = 0),
    CHECK (is_removed = 0 OR (standing IN (0, 2) AND generation > 0 AND length(asked) = 0
                              AND alias = '' AND length(labels) = 0))
) STRICT;

CREATE UNIQUE INDEX devices_by_alias ON devices (alias) WHERE alias <> '';

-- A row while the device's request is open, and only then.
CREATE TABLE requests (
    device INTEGER PRIMARY KEY REFERENCES devices (device),
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 10),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    ask BLOB NOT NULL CHECK (length(ask) > 0),
    name TEXT NOT NULL CHECK (length(CAST(name AS BLOB)) <= 64),
    labels BLOB NOT NULL,
    purpose TEXT NOT NULL CHECK (length(CAST(purpose AS BLOB)) <= 128),
    why INTEGER NOT NULL CHECK (why BETWEEN 2 AND 9),
    opened_ms INTEGER NOT NULL CHECK (opened_ms >= 0),
    attempted_ms INTEGER NOT NULL CHECK (attempted_ms >= opened_ms),
    code_failures INTEGER NOT NULL CHECK (code_failures BETWEEN 0 AND 5)
) STRICT;

-- A row while the device is expected, and only then.
CREATE TABLE expectations (
    device INTEGER PRIMARY KEY REFERENCES devices (device),
    approves INTEGER NOT NULL CHECK (approves IN (0, 1)),
    until_ms INTEGER NOT NULL CHECK (until_ms > 0),
    granted BLOB NOT NULL,
    labels BLOB NOT NULL,
    term_ms INTEGER NOT NULL CHECK (term_ms >= 0),
    mac BLOB NOT NULL CHECK (length(mac) = 32), -- over all columns above
    CHECK ((approves = 1) = (length(granted) > 0))
) STRICT;

-- What a device last said of itself; written lazily, never decided on.
CREATE TABLE sightings (
    device INTEGER PRIMARY KEY REFERENCES devices (device),
    seen_ms INTEGER NOT NULL,
    source TEXT NOT NULL CHECK (length(CAST(source AS BLOB)) <= 63),
    platform TEXT NOT NULL CHECK (length(CAST(platform AS BLOB)) <= 32),
    version TEXT NOT NULL CHECK (length(CAST(version AS BLOB)) <= 32),
    instance_id BLOB NOT NULL CHECK (length(instance_id) = 16),
    boot_id BLOB NOT NULL CHECK (length(boot_id) = 16),
    host_hint BLOB NOT NULL CHECK (length(host_hint) = 16),
    session_counter INTEGER NOT NULL
) STRICT;

-- Who did what: hash = SHA-256 over the row's canonical bytes and the hash before it.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL CHECK (length(CAST(actor AS BLOB)) <= 80),
    source TEXT NOT NULL CHECK (length(CAST(source AS BLOB)) <= 63),
    action TEXT NOT NULL CHECK (length(CAST(action AS BLOB)) <= 23),
    outcome TEXT NOT NULL CHECK (length(CAST(outcome AS BLOB)) <= 23),
    device_id BLOB CHECK (length(device_id) = 32), -- NULL: of no device
    request_id TEXT NOT NULL CHECK (length(request_id) <= 10),
    state_before TEXT NOT NULL CHECK (length(CAST(state_before AS BLOB)) <= 23),
    state_after TEXT NOT NULL CHECK (length(CAST(state_after AS BLOB)) <= 23),
    reason TEXT NOT NULL CHECK (length(CAST(reason AS BLOB)) <= 256),
    rule TEXT NOT NULL CHECK (length(CAST(rule AS BLOB)) <= 32),
    detail TEXT NOT NULL CHECK (length(CAST(detail AS BLOB)) <= 255),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_by_device ON audit (device_id, seq) WHERE device_id IS NOT NULL;

-- Which record changed when; numbered by meta.seq without a gap, the oldest rows forgotten.
CREATE TABLE change_log (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    at_ms INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (length(CAST(action AS BLOB)) BETWEEN 1 AND 23),
    device INTEGER NOT NULL REFERENCES devices (device)
) STRICT;

-- The memory of calls that changed something, so that their repetition changes nothing.
CREATE TABLE idempotency (
    actor TEXT NOT NULL CHECK (length(CAST(actor AS BLOB)) <= 80),
    method INTEGER NOT NULL CHECK (method >= 0),
    key BLOB NOT NULL CHECK (length(key) = 16),
    payload_digest BLOB NOT NULL CHECK (length(payload_digest) = 32),
    outcome INTEGER NOT NULL CHECK (outcome >= 0),
    device_id BLOB NOT NULL CHECK (length(device_id) = 32),
    request_id TEXT NOT NULL CHECK (length(request_id) <= 10),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    session_closed INTEGER NOT NULL CHECK (session_closed IN (0, 1)),
    created_ms INTEGER NOT NULL,
    UNIQUE (actor, method, key)
) STRICT;

CREATE INDEX idempotency_by_age ON idempotency (created_ms);
