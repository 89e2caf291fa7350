-- How many were saved by a list (kind 3) is counted without looking at all that was ever added and removed.
CREATE INDEX change_saved ON change (zone) WHERE kind = 3;
