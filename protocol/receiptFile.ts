import { checkAnswer, outputHash } from './answer';
import { equalBytes, fitsUint, toHex } from './bytes';
import { buildChannelRequest, type ChannelRequest, receiptOf, StreamChecker } from './channel/pieces';
import { decodeFrame, encodeFrame, type PieceFrame } from './channel/frames';
import { decodePayload, encodePayload } from './payload';
import { ProtocolError } from './protocolError';
import { type Receipt, receiptHash } from './receipt';
import { type Ed25519, portableEd25519 } from './signing';
import { type Terms, termsHash } from './terms';

/**
 * An answer with its receipts as a program exports it: all that a check without a network needs. JSON; bytes in lowercase hex, accounts as
 * basechain hashes, nanoTON as decimal text. **It holds prompt, answer and keys of that one request**: whoever has it reads it.
 */
export type ReceiptFile = ReceiptFileHead & (
  | {
    kind: 'channel-answer';
    seq: number;
    /** Frames of the pieces as they came: receipt, signature and sealed bytes. */
    pieces: string[];
  }
  | {
    kind: 'job-answer';
    /** What the worker delivered; the rest of its receipt follows from the terms. */
    delivery: { finishReason: number; issuedAt: number; promptTokens: number; outputTokens: number; responseCommit: string; traceCommit: string; output: string; signature: string };
  }
);
interface ReceiptFileHead {
  version: 1;
  networkId: number;
  client: string;
  stake: string;
  workerKey: string;
  /** The channel, or the job's escrow. */
  account: string;
  /** The job's price; 0 over a channel. */
  price: string;
  /** The plain request (docs/protocol.md). */
  payload: string;
  /** The answer as its reader was shown it. */
  tokens: number[];
}

/** What a receipt file proves: this worker key stands behind these tokens for this prompt under these terms. */
export interface VerifiedReceipt {
  kind: ReceiptFile['kind'];
  terms: Terms;
  termsHash: Uint8Array;
  /** Of the newest piece, or of the job. */
  receipt: Receipt;
  receiptHash: Uint8Array;
  promptTokens: readonly number[];
  tokens: readonly number[];
}

/** The answer of a channel as a file: the pieces that were accepted, and the tokens that were shown. */
export function exportChannelAnswer({ terms, payload, channel, seq }: ChannelRequest, pieces: readonly PieceFrame[], tokens: readonly number[]): ReceiptFile {
  return { kind: 'channel-answer', ...headOf(terms, payload, channel, tokens), seq, pieces: pieces.map((piece) => toHex(encodeFrame(piece))) };
}

/** The answer of a job as a file. */
export function exportJobAnswer(
  { terms, payload, escrow }: { terms: Terms; payload: Parameters<typeof encodePayload>[0]; escrow: Uint8Array },
  { receipt, signature, output }: { receipt: Receipt; signature: Uint8Array; output: Uint8Array },
  tokens: readonly number[],
): ReceiptFile {
  const { finishReason, issuedAt, promptTokens, outputTokens, responseCommit, traceCommit } = receipt;
  return {
    kind: 'job-answer', ...headOf(terms, payload, escrow, tokens),
    delivery: {
      finishReason, issuedAt, promptTokens, outputTokens, responseCommit: toHex(responseCommit), traceCommit: toHex(traceCommit), output: toHex(output), signature: toHex(signature),
    },
  };
}

function headOf({ networkId, client, stake, workerKey, fixedPrice }: Terms, payload: Parameters<typeof encodePayload>[0], account: Uint8Array, tokens: readonly number[]): ReceiptFileHead {
  return {
    version: 1, networkId, client: toHex(client), stake: toHex(stake), workerKey: toHex(workerKey), account: toHex(account), price: String(fixedPrice), payload: toHex(encodePayload(payload)),
    tokens: [...tokens],
  };
}

/**
 * Checks a file without any network: terms from the request, every signature, every commitment against the bytes, counts, amounts and
 * the end, and that the tokens shown are those that were signed. It does not say that the key is anybody's, that the answer is what the
 * model gives, or when it was signed: a date is the worker's word.
 * @throws ProtocolError RECEIPT_FORMAT, RECEIPT_OTHER_TOKENS, else RECEIPT_ and the fault of `checkAnswer` or `StreamChecker`
 */
export function verifyReceiptFile(file: unknown, ed25519: Ed25519 = portableEd25519): VerifiedReceipt {
  const { read, request } = opened(file);
  const { receipt, tokens } = read.kind === 'channel-answer' ? checkPieces(request, read.pieces, ed25519) : checkJob(request, read.delivery, ed25519);
  if (tokens.length !== read.tokens.length || tokens.some((token, index) => token !== read.tokens[index])) {
    throw new ProtocolError('RECEIPT_OTHER_TOKENS', 'the tokens shown are not those that were signed');
  }
  return { kind: read.kind, terms: request.terms, termsHash: request.termsHash, receipt, receiptHash: receiptHash(receipt), promptTokens: request.payload.request.promptTokens, tokens };
}

interface Checked { receipt: Receipt; tokens: readonly number[] }

function checkPieces(request: ChannelRequest, frames: readonly PieceFrame[], ed25519: Ed25519): Checked {
  const checker = new StreamChecker(request, ed25519);
  for (const frame of frames) {
    const receipt = receiptOf(request, frame);
    const checked = checker.accept({ receipt, sealed: frame.sealed, signature: frame.signature }, receipt.issuedAt);
    if (!checked.ok) throw faulty(checked.fault);
  }
  return { receipt: receiptOf(request, frames[frames.length - 1]), tokens: [...checker.answer] };
}

function checkJob({ terms, payload, channel: escrow }: ChannelRequest, delivery: Delivery, ed25519: Ed25519): Checked {
  const { output, signature, ...signed } = delivery;
  const receipt: Receipt = {
    networkId: terms.networkId, termsHash: termsHash(terms), escrow, seq: 0, index: 0, final: true, dueNano: terms.fixedPrice, sealedHash: outputHash(output), ...signed,
  };
  const checked = checkAnswer({ terms, payload, escrow }, { receipt, signature, output, deliveredAt: receipt.issuedAt }, ed25519);
  if (!checked.ok) throw faulty(checked.fault);
  return { receipt, tokens: checked.answer.tokens };
}

const faulty = (fault: string): ProtocolError =>
  new ProtocolError(`RECEIPT_${fault.toUpperCase().replace(/-/g, '_')}`, 'the receipt does not hold', { received: fault });

type Delivery = Pick<Receipt, 'finishReason' | 'issuedAt' | 'promptTokens' | 'outputTokens' | 'responseCommit' | 'traceCommit'> & { output: Uint8Array; signature: Uint8Array };
type Read = { tokens: readonly number[] } & ({ kind: 'channel-answer'; pieces: PieceFrame[] } | { kind: 'job-answer'; delivery: Delivery });

/** @throws ProtocolError RECEIPT_FORMAT for anything that no exporter writes */
function opened(file: unknown): { read: Read; request: ChannelRequest } {
  try {
    return read(file as ReceiptFile);
  } catch (cause) {
    throw new ProtocolError('RECEIPT_FORMAT', 'this is no receipt file', { expected: 'version 1, as docs/sdk.md shows it', cause });
  }
}

function read(file: ReceiptFile): { read: Read; request: ChannelRequest } {
  const shared = ['version', 'kind', 'networkId', 'client', 'stake', 'workerKey', 'account', 'price', 'payload', 'tokens'];
  expectKeys(file, [...shared, ...(file.kind === 'job-answer' ? ['delivery'] : ['seq', 'pieces'])]);
  if (file.version !== 1 || (file.kind !== 'job-answer' && file.kind !== 'channel-answer')) throw new Error('unknown version or kind');
  if (!Number.isInteger(file.networkId) || !/^\d{1,40}$/.test(file.price) || !file.tokens.every((token) => fitsUint(token, 32))) throw new Error('a number');
  const seq = file.kind === 'job-answer' ? 0 : uint32(file.seq);
  const [client, stake, workerKey, channel] = [file.client, file.stake, file.workerKey, file.account].map((hex) => bytesOf(hex, 32));
  const payload = decodePayload(bytesOf(file.payload));
  if (!equalBytes(encodePayload(payload), bytesOf(file.payload))) throw new Error('padding');
  const request = buildChannelRequest(payload, { networkId: file.networkId, client, stake, workerKey, price: BigInt(file.price) }, { channel, seq });
  if (file.kind === 'channel-answer') {
    const pieces = file.pieces.map((frame) => decodeFrame(bytesOf(frame))).filter((frame): frame is PieceFrame => frame.kind === 'piece');
    if (pieces.length === 0 || pieces.length !== file.pieces.length) throw new Error('no pieces');
    return { read: { kind: file.kind, tokens: file.tokens, pieces }, request };
  }
  const { delivery } = file;
  expectKeys(delivery, ['finishReason', 'issuedAt', 'promptTokens', 'outputTokens', 'responseCommit', 'traceCommit', 'output', 'signature']);
  return {
    read: {
      kind: file.kind, tokens: file.tokens,
      delivery: {
        finishReason: uint32(delivery.finishReason), issuedAt: uint32(delivery.issuedAt), promptTokens: uint32(delivery.promptTokens), outputTokens: uint32(delivery.outputTokens),
        responseCommit: bytesOf(delivery.responseCommit, 32), traceCommit: bytesOf(delivery.traceCommit, 32), output: bytesOf(delivery.output), signature: bytesOf(delivery.signature, 64),
      },
    },
    request,
  };
}

function expectKeys(value: object, keys: readonly string[]): void {
  const found = Object.keys(value);
  if (found.length !== keys.length || keys.some((key) => !found.includes(key))) throw new Error(`fields ${found.join(', ')}`);
}

function uint32(value: number): number {
  if (typeof value !== 'number' || !fitsUint(value, 32)) throw new Error('a number');
  return value;
}

function bytesOf(hex: string, length?: number): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(hex) || (length !== undefined && hex.length !== 2 * length)) throw new Error('bytes');
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
