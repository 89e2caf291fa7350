-- One sample a digest, found by it; the form of each, and its sender for the daily limit.
-- form: 0 = content, transparency undone (made by schema 1), 1 = as received by DATA, 2 = octets of BDAT chunks; + 4 = header only.
ALTER TABLE sample ADD COLUMN form INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sample ADD COLUMN sender BLOB NOT NULL DEFAULT x'';   -- 4 bytes, or the 8 of an IPv6 /64
DELETE FROM sample WHERE hit NOT IN (SELECT min(hit) FROM sample GROUP BY digest);
CREATE UNIQUE INDEX sample_by_digest ON sample (digest);
CREATE INDEX sample_by_sender ON sample (sender, at_us);
