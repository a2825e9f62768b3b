-- Layout 4. Older ones are brought here by migrate.py; PRAGMA user_version has the number.
-- Times are seconds since the epoch (UTC).

CREATE TABLE items (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  kind           TEXT    NOT NULL,           -- file | report
  state          TEXT    NOT NULL,
  reason         TEXT,                       -- of SUSPENDED: retry | server | converter
  priority       INTEGER NOT NULL,           -- 1 first … 10 last
  attempts       INTEGER NOT NULL DEFAULT 0, -- committed outcomes that count
  max_attempts   INTEGER NOT NULL,
  interruptions  INTEGER NOT NULL DEFAULT 0, -- claims that a crash or a stop cut off
  deaths         INTEGER NOT NULL DEFAULT 0, -- workers that this file killed
  transitions    INTEGER NOT NULL DEFAULT 0, -- history rows written, to bound them
  owner          TEXT,                       -- of PROCESSING
  fence          INTEGER,                    -- history.seq of the claim: a stale one is refused
  serial_number  TEXT    NOT NULL DEFAULT '',
  part_number    TEXT    NOT NULL DEFAULT '',
  result         TEXT    NOT NULL DEFAULT '',
  start          TEXT    NOT NULL DEFAULT '',
  due_at         REAL,
  created_at     REAL    NOT NULL,
  started_at     REAL,
  finished_at    REAL,
  duration       REAL,
  progress       INTEGER NOT NULL DEFAULT 0,
  converter      TEXT    NOT NULL,
  source         TEXT    NOT NULL,           -- printable
  path           BLOB,                       -- file: the exact bytes of where it lies now
  device         INTEGER,                    -- file: its identity when it was accepted
  inode          INTEGER,
  size           INTEGER,
  mtime_ns       INTEGER,
  report_id      TEXT    NOT NULL DEFAULT '',
  parent_id      INTEGER,                    -- report: the file item it came from
  correlation_id TEXT    NOT NULL,
  sha256         TEXT    NOT NULL DEFAULT '',
  error_kind     TEXT    NOT NULL DEFAULT '',
  last_error     TEXT    NOT NULL DEFAULT '',
  error_hint     TEXT    NOT NULL DEFAULT '',
  evidence       TEXT    NOT NULL DEFAULT '',
  receipt        TEXT    NOT NULL DEFAULT '',
  putaway        TEXT    NOT NULL DEFAULT 'none',
  dropped_at     REAL    NOT NULL DEFAULT 0, -- first sight of the file (of a report: of its file)
  rank           REAL    NOT NULL DEFAULT 5, -- what is claimed first: see order.py
  name           TEXT    NOT NULL DEFAULT '',-- file: the last part of the name it was accepted under
  bytes          INTEGER NOT NULL DEFAULT 0, -- of the payload that is stored now
  delay          REAL,                       -- of SUSPENDED: how long it was to wait, in seconds
  worker         TEXT    NOT NULL DEFAULT '',-- who did the last work on it, such as a process
  exported       TEXT    NOT NULL DEFAULT '',-- report: its name in exports, from the first one on
  code           TEXT    NOT NULL DEFAULT '',-- file that killed workers: the version they ran
  form           TEXT    NOT NULL DEFAULT 'file', -- file: file | folder | file-and-folder
  after          TEXT    NOT NULL DEFAULT '' -- file: what its converter said to do with it
) STRICT;

CREATE INDEX items_waiting   ON items (kind, converter, rank, id) WHERE state = 'PENDING';
CREATE INDEX items_due       ON items (kind, reason, due_at) WHERE state = 'SUSPENDED';
CREATE INDEX items_in_hand   ON items (owner)              WHERE state = 'PROCESSING';
CREATE INDEX items_putaway   ON items (converter, id)      WHERE putaway = 'pending';
CREATE INDEX items_unsettled ON items (state)              WHERE state IN ('FAILED', 'QUARANTINED', 'HELD');
CREATE INDEX items_completed ON items (finished_at)        WHERE state = 'COMPLETED';
CREATE INDEX items_failed    ON items (finished_at)        WHERE state IN ('FAILED', 'QUARANTINED');
-- SQLite uses these four only where the query repeats their condition.
CREATE INDEX items_serial    ON items (serial_number)      WHERE serial_number <> '';
CREATE INDEX items_report    ON items (report_id)          WHERE report_id <> '';
CREATE INDEX items_parent    ON items (parent_id)          WHERE parent_id IS NOT NULL;
CREATE INDEX items_name      ON items (name)               WHERE name <> '';

-- Apart from the items, so that a look at an item does not read its report.
CREATE TABLE payloads (
  item_id INTEGER PRIMARY KEY,
  body    BLOB NOT NULL
) STRICT;

-- One numbered sequence for the whole store; it is the event stream, too.
CREATE TABLE history (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  at         REAL NOT NULL,
  item_id    INTEGER,                        -- NULL: an event of the service
  event      TEXT NOT NULL,
  state      TEXT,
  reason     TEXT,
  attempts   INTEGER,
  who        TEXT NOT NULL DEFAULT '',
  error_kind TEXT NOT NULL DEFAULT '',
  message    TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX history_item    ON history (item_id, seq)     WHERE item_id IS NOT NULL;
CREATE INDEX history_service ON history (seq)              WHERE item_id IS NULL;

-- Files that were accepted and still lie in their watch folder: as long as they lie there
-- unchanged they are not taken again, whatever becomes of their items.
CREATE TABLE seen (
  path      BLOB PRIMARY KEY,
  converter TEXT    NOT NULL,
  device    INTEGER NOT NULL,
  inode     INTEGER NOT NULL,
  size      INTEGER NOT NULL,
  mtime_ns  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_converter ON seen (converter);

-- How many items stand where, and the bytes of their payloads: kept with each commit, so that the
-- start does not count a million rows.
CREATE TABLE totals (
  kind      TEXT    NOT NULL,
  state     TEXT    NOT NULL,
  converter TEXT    NOT NULL,
  items     INTEGER NOT NULL,
  bytes     INTEGER NOT NULL,
  PRIMARY KEY (kind, state, converter)
) STRICT, WITHOUT ROWID;

-- What came from another queue: each is taken once, however often it is imported.
CREATE TABLE imported (
  origin  TEXT    PRIMARY KEY,
  item_id INTEGER NOT NULL,
  at      REAL    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX imported_at     ON imported (at, item_id);

-- What the service remembers of itself over a restart, such as being paused.
CREATE TABLE settings (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
