-- Version 5. Remote administrators and their certificates. Rows are never deleted. `certificates` holds
-- the compact form that server/store/README.md describes, newest first. A change of an administrator is
-- a change of no device: its row in change_log has a device_id of zeros.
CREATE TABLE administrators (
    name TEXT PRIMARY KEY CHECK (length(CAST(name AS BLOB)) BETWEEN 1 AND 64),
    role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 3), -- viewer approver admin
    is_revoked INTEGER NOT NULL CHECK (is_revoked IN (0, 1)),
    generation INTEGER NOT NULL CHECK (generation > 0),
    created_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL CHECK (length(CAST(created_by AS BLOB)) <= 80),
    decided_ms INTEGER NOT NULL,
    decided_by TEXT NOT NULL CHECK (length(CAST(decided_by AS BLOB)) <= 80),
    certificates BLOB NOT NULL,
    mac BLOB NOT NULL CHECK (length(mac) = 32) -- over all columns above
) STRICT, WITHOUT ROWID;
