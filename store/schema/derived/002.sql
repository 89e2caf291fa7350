-- What mail is by structure (list, automatic, backscatter) became a class of its own: all is folded again.
ALTER TABLE pending ADD COLUMN class INTEGER NOT NULL DEFAULT 1;
DELETE FROM evidence;
DELETE FROM link;
DELETE FROM visitor;
DELETE FROM network;
DELETE FROM pending;
DELETE FROM mark;
DELETE FROM meta WHERE name = 'newest_us';
