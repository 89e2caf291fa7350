-- Delivery status parameters, time to the first command, TLS, HELO class and log-in attempts; counter rows.
-- What stands in rows made before: first_command_ms NULL = not known, everything else empty.
ALTER TABLE hit ADD COLUMN first_command_ms INTEGER;
ALTER TABLE hit ADD COLUMN dsn BLOB NOT NULL DEFAULT x'';
ALTER TABLE hit ADD COLUMN rcpt_dsn BLOB NOT NULL DEFAULT x'';
ALTER TABLE hit_rcpt ADD COLUMN dsn BLOB NOT NULL DEFAULT x'';

ALTER TABLE session ADD COLUMN first_command_ms INTEGER;
ALTER TABLE session ADD COLUMN helo_class INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN tls_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN tls_cipher BLOB NOT NULL DEFAULT x'';
ALTER TABLE session ADD COLUMN ja4 BLOB NOT NULL DEFAULT x'';
ALTER TABLE session ADD COLUMN sni BLOB NOT NULL DEFAULT x'';
CREATE INDEX session_by_client ON session (seq >> 12, client);

-- The first attempts of a session to log in. secret: a keyed hash of the password, empty where none was given.
CREATE TABLE auth (
    session_seq INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    mechanism   BLOB NOT NULL,
    user        BLOB NOT NULL,
    secret      BLOB NOT NULL,
    PRIMARY KEY (session_seq, n)
) STRICT, WITHOUT ROWID;

-- Messages of a sender beyond hits_per_sender_hour. sender: 4 bytes, or the 8 of an IPv6 /64.
CREATE TABLE counter (
    sender   BLOB NOT NULL,
    hour     INTEGER NOT NULL,   -- UTC hours since 1970
    count    INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us  INTEGER NOT NULL,
    PRIMARY KEY (sender, hour)
) STRICT, WITHOUT ROWID;
