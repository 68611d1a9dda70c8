/** A PaymentChannel as cells: its address from its terms, its state from its data. wrappers/PaymentChannel.ts without @ton/core. */
import { decodeBoc, encodeBoc } from '../../../protocol/boc';
import { toHex } from '../../../protocol/bytes';
import { cellDepth, cellHash, CellReader, CellWriter, type PlainCell } from '../../../protocol/cells';
import { CocoonError } from '../../../protocol/errors';
import type { ChannelTerms } from '../types';
import { contractAccount, STATE_INIT } from './addresses';
import { fromBase64, fromHex, toBase64 } from './encoding';
import { CHANNEL_CODE } from './pinned';

const OP_CLOSE_CHANNEL = 0x0c70;

/** What a channel's data says. */
export interface ChannelData {
  /** As at the opening, but for the claim key, which is the one in force. */
  terms: ChannelTerms;
  /** nanoTON of vouchers that were paid. */
  claimed: bigint;
  /** Unix seconds from which no claim is taken; the expiry at first, 0 once closed. */
  endsAt: number;
}

let pinned: { cell: PlainCell; hash: Uint8Array; depth: number } | undefined;

function channelCode() {
  if (pinned === undefined) {
    const cell = decodeBoc(fromBase64(CHANNEL_CODE));
    pinned = { cell, hash: cellHash(cell), depth: cellDepth(cell) };
  }
  return pinned;
}

/** Hash in hex of the code of every channel. */
export const channelCodeHash = (): string => toHex(channelCode().hash);

/**
 * Account of the channel with these terms, hex, and what opens it: a StateInit as a bag of cells in base64.
 * @throws CocoonError SECONDS_OUT_OF_RANGE, ProtocolError OUT_OF_RANGE, WRONG_LENGTH
 */
export function channelInit(terms: ChannelTerms): { address: string; stateInit: string } {
  const data = packChannel(terms);
  const code = channelCode();
  const init = new CellWriter().uint('StateInit', STATE_INIT, 5).ref(code.cell).ref(data).cell();
  return { address: contractAccount(code, data), stateInit: toBase64(encodeBoc(init)) };
}

/** Terms that a StateInit opens a channel with, if it has the pinned code and the channel is as at its opening; else null. */
export function openedTerms(stateInit: string): ChannelTerms | null {
  try {
    const reader = new CellReader('StateInit', decodeBoc(fromBase64(stateInit)));
    const terms = readOpening(reader);
    reader.end();
    return terms;
  } catch {
    return null;
  }
}

/** The same of a reader that stands at a StateInit; null for another contract's. @throws ProtocolError MALFORMED_CELL */
export function readOpening(reader: CellReader): ChannelTerms | null {
  if (reader.number(5) !== STATE_INIT || toHex(cellHash(reader.cell('code'))) !== channelCodeHash()) return null;
  const { terms, claimed, endsAt } = parseChannel(reader.cell('data'));
  return claimed === 0n && endsAt === terms.expiry ? terms : null;
}

/** Reads a channel's data cell. @throws ProtocolError MALFORMED_CELL when it is not exactly one */
export function parseChannel(data: PlainCell): ChannelData {
  const reader = new CellReader('channel', data);
  const hex = (from: CellReader): string => toHex(from.fixedBytes(32));
  const claimed = reader.coins();
  const endsAt = reader.number(32);
  const networkId = reader.int32();
  const [clientKey, claimKey, payout] = [hex(reader), hex(reader), hex(reader)];
  const fixed = reader.ref('fixed part');
  reader.end();
  const client = hex(fixed);
  const [expiry, closeDelay] = [fixed.number(32), fixed.number(32)];
  const stake = hex(fixed);
  fixed.end();
  return { terms: { networkId, client, clientKey, stake, payout, claimKey, closeDelay, expiry }, claimed, endsAt };
}

/** Body of the message that closes a channel: a bag of cells in base64. */
export const closeChannelBody = (): string => toBase64(encodeBoc(new CellWriter().uint('op', OP_CLOSE_CHANNEL, 32).cell()));

function packChannel({ networkId, client, clientKey, stake, payout, claimKey, closeDelay, expiry }: ChannelTerms): PlainCell {
  for (const [name, value] of Object.entries({ expiry, closeDelay })) {
    if (Number.isInteger(value) && value > 0 && value < 2 ** 32) continue;
    throw new CocoonError('SECONDS_OUT_OF_RANGE', `${name} is out of range`, { expected: '1..2^32-1 seconds', received: String(value) });
  }
  const bytes = (writer: CellWriter, hex: string): CellWriter => writer.fixedBytes('hash', fromHex(hex, 32), 32);
  const fixed = bytes(bytes(new CellWriter(), client).uint('expiry', expiry, 32).uint('closeDelay', closeDelay, 32), stake);
  const own = new CellWriter().coins('claimed', 0n).uint('endsAt', expiry, 32).int32('networkId', networkId);
  return [clientKey, claimKey, payout].reduce(bytes, own).ref(fixed).cell();
}
