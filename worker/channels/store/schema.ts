/**
 * Tables of a worker's channels. Amounts are 16 bytes, big-endian. Of answers it holds what is sent to the client, sealed as it
 * travels; of requests that can be challenged what was asked, sealed under the worker's own key (worker/cases/vault.ts).
 * What signatures stand on is guarded by triggers as well: it is written once, or only grows.
 */
const CHANNELS = `
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE starts (
  generation INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  startedAt INTEGER NOT NULL,
  commits INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE channels (
  id INTEGER PRIMARY KEY,
  address BLOB NOT NULL UNIQUE CHECK (length(address) = 32),
  terms BLOB NOT NULL,
  addedAt INTEGER NOT NULL,
  lastSeq INTEGER NOT NULL DEFAULT 0,
  dueNano BLOB NOT NULL CHECK (length(dueNano) = 16),
  settledNano BLOB NOT NULL CHECK (length(settledNano) = 16),
  voucherNano BLOB CHECK (length(voucherNano) = 16),
  voucherFinal INTEGER,
  voucherSignature BLOB CHECK (length(voucherSignature) = 64),
  CHECK ((voucherNano IS NULL) = (voucherSignature IS NULL) AND (voucherNano IS NULL) = (voucherFinal IS NULL))
) STRICT;
CREATE TRIGGER channelIsNeverForgotten BEFORE DELETE ON channels
BEGIN SELECT RAISE(ABORT, 'a channel is never forgotten: its sequence numbers are used'); END;
CREATE TRIGGER channelOnlyGrows BEFORE UPDATE ON channels
WHEN NEW.address IS NOT OLD.address OR NEW.terms IS NOT OLD.terms OR NEW.lastSeq < OLD.lastSeq
  OR NEW.dueNano < OLD.dueNano OR NEW.settledNano < OLD.settledNano
  OR (OLD.voucherNano IS NOT NULL AND (NEW.voucherNano IS NULL OR NEW.voucherNano < OLD.voucherNano))
BEGIN SELECT RAISE(ABORT, 'what a channel has reached never falls'); END;

CREATE TABLE requests (
  channel INTEGER NOT NULL REFERENCES channels (id),
  seq INTEGER NOT NULL,
  termsHash BLOB NOT NULL CHECK (length(termsHash) = 32),
  request BLOB,
  begunAt INTEGER NOT NULL,
  dueNano BLOB NOT NULL CHECK (length(dueNano) = 16),
  endedAt INTEGER,
  PRIMARY KEY (channel, seq)
) STRICT;
CREATE INDEX requestsByEnd ON requests (endedAt);
CREATE TRIGGER requestIsFixed BEFORE UPDATE ON requests
WHEN NEW.channel IS NOT OLD.channel OR NEW.seq IS NOT OLD.seq OR NEW.termsHash IS NOT OLD.termsHash
  OR NEW.request IS NOT OLD.request OR NEW.dueNano < OLD.dueNano OR OLD.endedAt IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a request is begun once and ended once'); END;
CREATE TRIGGER openRequestStays BEFORE DELETE ON requests WHEN OLD.endedAt IS NULL
BEGIN SELECT RAISE(ABORT, 'a request that goes on is not removed'); END;

CREATE TABLE receipts (
  channel INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  final INTEGER NOT NULL,
  dueNano BLOB NOT NULL CHECK (length(dueNano) = 16),
  bytes BLOB NOT NULL,
  PRIMARY KEY (channel, seq, chunk),
  FOREIGN KEY (channel, seq) REFERENCES requests (channel, seq)
) STRICT;
CREATE TRIGGER receiptIsWrittenOnce BEFORE UPDATE ON receipts
BEGIN SELECT RAISE(ABORT, 'signed bytes are written once'); END;
CREATE TRIGGER chunksOfOpenRequestStay BEFORE DELETE ON receipts
WHEN (SELECT endedAt FROM requests WHERE channel = OLD.channel AND seq = OLD.seq) IS NULL
BEGIN SELECT RAISE(ABORT, 'chunks of a request that goes on are not removed'); END;

CREATE TABLE claims (
  messageHash BLOB PRIMARY KEY CHECK (length(messageHash) = 32),
  channel INTEGER NOT NULL REFERENCES channels (id),
  amountNano BLOB NOT NULL CHECK (length(amountNano) = 16),
  message BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'settled', 'dropped')),
  madeAt INTEGER NOT NULL,
  endedAt INTEGER
) STRICT;
CREATE INDEX claimsByState ON claims (state);

CREATE TABLE settlements (
  channel INTEGER NOT NULL REFERENCES channels (id),
  settledNano BLOB NOT NULL CHECK (length(settledNano) = 16),
  paidNano BLOB NOT NULL CHECK (length(paidNano) = 16),
  seenAt INTEGER NOT NULL,
  PRIMARY KEY (channel, settledNano)
) STRICT;
`;

/**
 * For books: when a channel ends as the chain said last (0: it has ended; null: nobody looked yet), how much of what was paid out of it was found in
 * its history, and each payment there. Amounts of payments are integers, so that SQLite adds them up: there is less TON than 2^63 nano.
 */
const PAYMENTS = `
ALTER TABLE channels ADD COLUMN endsAt INTEGER;
ALTER TABLE channels ADD COLUMN matchedNano BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(matchedNano) = 16);
CREATE INDEX unmatchedChannels ON channels (id) WHERE settledNano > matchedNano;
CREATE INDEX unclaimedChannels ON channels (coalesce(endsAt, -1), id) WHERE voucherNano > settledNano;
CREATE TABLE payments (
  channel INTEGER NOT NULL REFERENCES channels (id),
  lt INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  time INTEGER NOT NULL,
  takenNano INTEGER NOT NULL CHECK (takenNano >= 0),
  receivedNano INTEGER NOT NULL CHECK (receivedNano >= 0 AND receivedNano <= takenNano),
  PRIMARY KEY (channel, lt)
) STRICT;
CREATE INDEX paymentsByTime ON payments (time);
CREATE TRIGGER paymentIsWrittenOnce BEFORE UPDATE ON payments
BEGIN SELECT RAISE(ABORT, 'a payment is written once'); END;
`;

/** Step n brings a store of version n to version n + 1; `user_version` says which were made. */
export const CHANNEL_SCHEMA_STEPS: readonly string[] = [CHANNELS, PAYMENTS];
