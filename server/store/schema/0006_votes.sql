-- Version 6. Who of several administrators agreed to the open request: the compact form that
-- server/store/README.md describes, with its mac; empty: nobody.
ALTER TABLE requests ADD COLUMN votes BLOB NOT NULL DEFAULT x'' CHECK (length(votes) <= 1410);
