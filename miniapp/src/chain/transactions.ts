/** A wallet's transactions as cells (block.tlb): where the one before is, and which channels its messages open. */
import { decodeBoc } from '../../../protocol/boc';
import { toHex } from '../../../protocol/bytes';
import { cellHash, CellReader, type PlainCell } from '../../../protocol/cells';
import { ProtocolError } from '../../../protocol/protocolError';
import type { ChannelTerms } from '../types';
import { readOpening } from './channelCells';
import { readDictionary } from './dictionary';
import { fromBase64 } from './encoding';

/** A place in an account's history: logical time, 0 before its first transaction, and the transaction's hash, hex. */
export interface TransactionId {
  lt: bigint;
  hash: string;
}

export interface WalletTransaction {
  before: TransactionId;
  opened: ChannelTerms[];
}

/**
 * Reads the transaction of this hash from a bag of cells in base64; null where it carries cells that are not read here (a proof in a
 * message), so that nothing is known of it.
 * @throws ProtocolError when it is another one or none
 */
export function readTransaction(data: string, hash: string): WalletTransaction | null {
  let root: PlainCell;
  try {
    root = decodeBoc(fromBase64(data));
  } catch {
    return null;
  }
  if (toHex(cellHash(root)) !== hash) throw new ProtocolError('OTHER_TRANSACTION', 'This is another transaction', { expected: hash });
  const reader = new CellReader('transaction', root);
  // Tag, account and logical time.
  reader.uint(4 + 256 + 64);
  const beforeHash = toHex(reader.fixedBytes(32));
  const before = { lt: reader.uint(64), hash: beforeHash };
  const messages = reader.ref('messages');
  if (messages.number(1) === 1) messages.cell('message in');
  return { before, opened: readDictionary(messages, 15, (entry) => openingOf(entry.cell('message'))).flatMap(([, terms]) => terms ?? []) };
}

/** Terms of the channel that a message opens; null for all other messages. */
function openingOf(message: PlainCell): ChannelTerms | null {
  try {
    const reader = new CellReader('message', message);
    // int_msg_info, and three flags.
    if (reader.number(4) >> 3 !== 0) return null;
    reader.basechainAddress();
    reader.basechainAddress();
    reader.coins();
    if (reader.number(1) === 1) reader.cell('other currencies');
    reader.coins();
    reader.coins();
    // Logical and Unix time.
    reader.uint(64 + 32);
    if (reader.number(1) === 0) return null;
    return readOpening(reader.number(1) === 1 ? reader.ref('StateInit') : reader);
  } catch {
    return null;
  }
}
