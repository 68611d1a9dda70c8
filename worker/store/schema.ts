/**
 * Tables of the worker's store. What is here in the clear is never a prompt, a token, an answer, a commitment salt or a key:
 * `external` is exactly the sealed message that anybody reads on chain (of a public job, what the terms make public).
 */
const JOBS = `
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
CREATE TABLE jobs (
  address TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('seen', 'computing', 'answered', 'delivered', 'declined', 'refused', 'expired')),
  firstSeen INTEGER NOT NULL,
  updatedAt INTEGER NOT NULL,
  deadline INTEGER,
  termsHash TEXT,
  priceNano TEXT,
  issuedAt INTEGER,
  external BLOB,
  receiptHash TEXT,
  reason INTEGER,
  backend TEXT,
  adapter TEXT,
  millis INTEGER,
  promptTokens INTEGER,
  outputTokens INTEGER,
  paidNano TEXT,
  settledAt INTEGER,
  note TEXT,
  CHECK (state NOT IN ('answered', 'delivered') OR external IS NOT NULL)
) STRICT;
CREATE TRIGGER externalIsWrittenOnce BEFORE UPDATE OF external ON jobs
WHEN OLD.external IS NOT NULL AND NEW.external IS NOT OLD.external
BEGIN SELECT RAISE(ABORT, 'signed bytes are written once'); END;
CREATE TRIGGER receiptTimeIsFixed BEFORE UPDATE OF issuedAt ON jobs
WHEN OLD.external IS NOT NULL AND NEW.issuedAt IS NOT OLD.issuedAt
BEGIN SELECT RAISE(ABORT, 'the time of a signed receipt is fixed'); END;
`;

/** `request` is the envelope as it goes on chain (of a public job what the terms make public), `signed` the promise. */
const PROMISES = `
CREATE TABLE promises (
  address TEXT PRIMARY KEY,
  acceptBy INTEGER NOT NULL,
  coverageNano TEXT NOT NULL,
  request BLOB NOT NULL,
  signed BLOB NOT NULL
) STRICT;
CREATE TRIGGER promiseIsWrittenOnce BEFORE UPDATE ON promises
BEGIN SELECT RAISE(ABORT, 'a promise is written once'); END;
CREATE TABLE cursors (
  stake TEXT PRIMARY KEY,
  lt TEXT NOT NULL,
  hash TEXT NOT NULL,
  time INTEGER NOT NULL
) STRICT;
`;

/** Requests of exact answers under a bond, for as long as they can be challenged, and disputes; `request` is sealed under the worker's own key. */
const CASES = `
CREATE TABLE kept (
  escrow TEXT PRIMARY KEY,
  request BLOB NOT NULL,
  keptAt INTEGER NOT NULL
) STRICT;
CREATE TABLE cases (
  address TEXT PRIMARY KEY,
  receiptHash TEXT NOT NULL,
  escrow TEXT NOT NULL,
  seq INTEGER NOT NULL,
  openedAt INTEGER NOT NULL,
  request BLOB,
  verdict INTEGER,
  endedAt INTEGER
) STRICT;
`;

/** Roots of positions that were signed, for as long as their receipts can be in dispute. */
const POSITIONS = `
CREATE TABLE positions (
  receiptHash TEXT NOT NULL,
  t INTEGER NOT NULL,
  positionRoot BLOB NOT NULL,
  signedAt INTEGER NOT NULL,
  PRIMARY KEY (receiptHash, t)
) STRICT;
CREATE TRIGGER positionIsSignedOnce BEFORE UPDATE ON positions
BEGIN SELECT RAISE(ABORT, 'a position is signed once'); END;
`;

/**
 * What jobs paid, as found in the history of the payout wallet; `lt` 0 for one that an earlier version noted without its transaction. And when the worker ran:
 * a row for each stretch of one state, whose end moves on while it lasts.
 */
const OPERATION = `
CREATE TABLE jobPayments (
  job TEXT NOT NULL,
  lt INTEGER NOT NULL,
  hash TEXT,
  time INTEGER NOT NULL,
  receivedNano INTEGER NOT NULL CHECK (receivedNano >= 0),
  PRIMARY KEY (job, lt)
) STRICT;
CREATE INDEX jobPaymentsByTime ON jobPayments (time);
CREATE TRIGGER jobPaymentIsWrittenOnce BEFORE UPDATE ON jobPayments
BEGIN SELECT RAISE(ABORT, 'a payment is written once'); END;
INSERT INTO jobPayments (job, lt, hash, time, receivedNano)
  SELECT address, 0, NULL, coalesce(settledAt, updatedAt), CAST(paidNano AS INTEGER) FROM jobs WHERE paidNano IS NOT NULL;
CREATE TABLE uptime (
  id INTEGER PRIMARY KEY,
  began INTEGER NOT NULL,
  ended INTEGER NOT NULL CHECK (ended >= began),
  ready INTEGER NOT NULL CHECK (ready IN (0, 1))
) STRICT;
CREATE INDEX uptimeByEnd ON uptime (ended);
`;

/** Step n brings a store of version n to version n + 1; `user_version` says which were made. */
export const SCHEMA_STEPS: readonly string[] = [JOBS, PROMISES, CASES, POSITIONS, OPERATION];
