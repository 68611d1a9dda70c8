/**
 * Tables of the worker's store. What is here is never a prompt, a token, an answer, a commitment salt or a key:
 * `external` is exactly the sealed message that anybody reads on chain (of a public job, what the terms make public).
 */
export const SCHEMA_VERSION = 1;

export const SCHEMA = `
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
