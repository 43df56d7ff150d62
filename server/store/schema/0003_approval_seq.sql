-- Version 3. A receipt names the number of the approval in the change log; 0 where the approval is
-- older than this column, or there is none. It explains and never grants, so the mac does not cover it.
ALTER TABLE devices ADD COLUMN approval_seq INTEGER NOT NULL DEFAULT 0 CHECK (approval_seq >= 0);
