-- Look-ups (12) and extracts (13) are many, what rules is little: each is found without the other.
CREATE INDEX act_rules ON act (seq) WHERE kind NOT IN (12, 13);
CREATE INDEX act_lookups ON act (subject, seq) WHERE kind = 12;
