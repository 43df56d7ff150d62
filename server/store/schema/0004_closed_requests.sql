-- Version 4. The last request of a device that was closed, and how it ended (numbers as last_end), so
-- that who names it later is told, also after a restart. Not known of requests of before.
ALTER TABLE devices ADD COLUMN closed TEXT NOT NULL DEFAULT ''
    CHECK (length(CAST(closed AS BLOB)) IN (0, 10));
ALTER TABLE devices ADD COLUMN closed_end INTEGER NOT NULL DEFAULT 0
    CHECK (closed_end BETWEEN 0 AND 6);
