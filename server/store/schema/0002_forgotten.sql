-- Version 2. Records of strangers are deleted when nothing of them matters any more, so the change
-- log names devices by their id: the number of a row may be another device's later. (The note on
-- table devices, "rows are never deleted", ends here.)
CREATE TABLE change_log_2 (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    at_ms INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (length(CAST(action AS BLOB)) BETWEEN 1 AND 23),
    device_id BLOB NOT NULL CHECK (length(device_id) = 32)
) STRICT;

INSERT INTO change_log_2 (seq, at_ms, action, device_id)
    SELECT c.seq, c.at_ms, c.action, d.id FROM change_log c JOIN devices d ON d.device = c.device;

DROP TABLE change_log;

ALTER TABLE change_log_2 RENAME TO change_log;
