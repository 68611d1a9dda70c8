import { ByteReader, ByteWriter } from '../byteCodec';
import { FinishReason } from '../constants';
import { ProtocolError } from '../protocolError';

/** Version of the wire format; the first byte of every frame. */
export const CHANNEL_WIRE_VERSION = 1;
/** Longest sealed request or piece that a frame carries. */
export const MAX_SEALED_BYTES = 1024 * 1024;

const Kind = { hello: 1, welcome: 2, request: 3, piece: 4, payment: 5, cancel: 6, refusal: 7 } as const;
const AMOUNT_BYTES = 15; // below 2^120, as coins are

/** A voucher without what both sides know: network and channel. */
export interface SignedAmount {
  /** nanoTON, cumulative over the channel. */
  amount: bigint;
  final: boolean;
  /** By the client's key over the voucher's hash, 64 bytes. */
  signature: Uint8Array;
}

/** Client -> worker: who talks about which channel, and the session's encapsulated key. */
export interface Hello {
  kind: 'hello';
  networkId: number;
  channel: Uint8Array;
  workerKey: Uint8Array;
  firstSeq: number;
  enc: Uint8Array;
  /** By the client's key over helloHash, 64 bytes. */
  signature: Uint8Array;
}

/** Worker -> client: where the channel stands in the worker's store. */
export interface Welcome {
  kind: 'welcome';
  /** Above all that were begun. */
  nextSeq: number;
  /** nanoTON of all receipts so far. */
  owed: bigint;
  /** The newest, with the client's own signature; NO_VOUCHER while there is none. */
  voucher: SignedAmount;
}

/** Stands for no voucher: an amount of 0, and no signature. */
export const NO_VOUCHER: SignedAmount = { amount: 0n, final: false, signature: new Uint8Array(64) };

/** Client -> worker: a sealed request, and the voucher that prepays its first piece. */
export interface RequestFrame {
  kind: 'request';
  seq: number;
  termsHash: Uint8Array;
  voucher: SignedAmount;
  sealed: Uint8Array;
}

/** Worker -> client: what a receipt says beyond network, terms, channel and sealedHash, its signature, and the sealed piece. */
export interface PieceFrame {
  kind: 'piece';
  seq: number;
  index: number;
  final: boolean;
  finishReason: number;
  issuedAt: number;
  dueNano: bigint;
  responseCommit: Uint8Array;
  traceCommit: Uint8Array;
  promptTokens: number;
  outputTokens: number;
  signature: Uint8Array;
  sealed: Uint8Array;
}

/** Client -> worker: the next voucher. A final one asks to close the channel together. */
export interface Payment extends SignedAmount {
  kind: 'payment';
}

/** Client -> worker: no more of this request. */
export interface Cancel {
  kind: 'cancel';
  seq: number;
}

/** Worker -> client: a signed Refusal. */
export interface RefusalFrame {
  kind: 'refusal';
  seq: number;
  termsHash: Uint8Array;
  reason: number;
  retryAfter: number;
  signature: Uint8Array;
}

export type ChannelFrame = Hello | Welcome | RequestFrame | PieceFrame | Payment | Cancel | RefusalFrame;

const flag = (value: boolean): number => (value ? 1 : 0);

function writeAmount(writer: ByteWriter, { amount, final, signature }: SignedAmount): ByteWriter {
  return writer.uint('amount', amount, AMOUNT_BYTES).uint('final', flag(final), 1).fixed('signature', signature, 64);
}

/** Bytes of the longest frame without its sealed ones, and some more. */
const FIELD_BYTES = 256;

function head(kind: number, sealedBytes: number): ByteWriter {
  return new ByteWriter(FIELD_BYTES + sealedBytes).uint('version', CHANNEL_WIRE_VERSION, 1).uint('kind', kind, 1);
}

function withSealed(writer: ByteWriter, sealed: Uint8Array): Uint8Array {
  if (sealed.length > MAX_SEALED_BYTES) {
    throw new ProtocolError('FRAME_TOO_LONG', 'A frame cannot carry so much', {
      expected: `at most ${MAX_SEALED_BYTES} sealed bytes`,
      received: String(sealed.length),
    });
  }
  return writer.uint('sealed length', sealed.length, 4).rest(sealed).bytes();
}

/** One binary message of the transport. @throws ProtocolError OUT_OF_RANGE, WRONG_LENGTH, FRAME_TOO_LONG */
export function encodeFrame(frame: ChannelFrame): Uint8Array {
  const writer = head(Kind[frame.kind], 'sealed' in frame ? Math.min(frame.sealed.length, MAX_SEALED_BYTES) : 0);
  switch (frame.kind) {
    case 'hello':
      return writer
        .uint('networkId', frame.networkId >>> 0, 4)
        .fixed('channel', frame.channel, 32)
        .fixed('workerKey', frame.workerKey, 32)
        .uint('firstSeq', frame.firstSeq, 4)
        .fixed('enc', frame.enc, 32)
        .fixed('signature', frame.signature, 64)
        .bytes();
    case 'welcome':
      return writeAmount(writer.uint('nextSeq', frame.nextSeq, 4).uint('owed', frame.owed, AMOUNT_BYTES), frame.voucher).bytes();
    case 'request':
      writer.uint('seq', frame.seq, 4).fixed('termsHash', frame.termsHash, 32);
      return withSealed(writeAmount(writer, frame.voucher), frame.sealed);
    case 'piece':
      writer
        .uint('seq', frame.seq, 4)
        .uint('index', frame.index, 4)
        .uint('final', flag(frame.final), 1)
        .uint('finishReason', frame.finishReason, 1)
        .uint('issuedAt', frame.issuedAt, 4)
        .uint('dueNano', frame.dueNano, 8)
        .fixed('responseCommit', frame.responseCommit, 32)
        .fixed('traceCommit', frame.traceCommit, 32)
        .uint('promptTokens', frame.promptTokens, 4)
        .uint('outputTokens', frame.outputTokens, 4)
        .fixed('signature', frame.signature, 64);
      return withSealed(writer, frame.sealed);
    case 'payment':
      return writeAmount(writer, frame).bytes();
    case 'cancel':
      return writer.uint('seq', frame.seq, 4).bytes();
    case 'refusal':
      return writer
        .uint('seq', frame.seq, 4)
        .fixed('termsHash', frame.termsHash, 32)
        .uint('reason', frame.reason, 1)
        .uint('retryAfter', frame.retryAfter, 4)
        .fixed('signature', frame.signature, 64)
        .bytes();
  }
}

class FrameReader extends ByteReader {
  flag(): boolean {
    const byte = this.number(1);
    if (byte > 1) throw this.malformed('a flag of 0 or 1');
    return byte === 1;
  }

  amount(): SignedAmount {
    return { amount: this.uint(AMOUNT_BYTES), final: this.flag(), signature: this.fixed(64) };
  }

  finishReason(): number {
    const reason = this.number(1);
    if (reason > FinishReason.cancelled) throw this.malformed('a finish reason of 0, 1 or 2');
    return reason;
  }

  sealed(): Uint8Array {
    const length = this.number(4);
    if (length > MAX_SEALED_BYTES) throw this.malformed(`at most ${MAX_SEALED_BYTES} sealed bytes`);
    return this.fixed(length);
  }
}

/**
 * Reads one frame; nothing may be left over.
 * @throws ProtocolError UNKNOWN_VERSION, UNKNOWN_FRAME, MALFORMED_PAYLOAD
 */
export function decodeFrame(bytes: Uint8Array): ChannelFrame {
  const reader = new FrameReader('frame', bytes);
  const version = reader.number(1);
  if (version !== CHANNEL_WIRE_VERSION) {
    throw new ProtocolError('UNKNOWN_VERSION', 'The other side speaks another version', {
      expected: `version ${CHANNEL_WIRE_VERSION}`,
      received: `version ${version}`,
      hint: 'update the older of the two',
    });
  }
  const frame = readBody(reader, reader.number(1));
  reader.end();
  return frame;
}

function readBody(reader: FrameReader, kind: number): ChannelFrame {
  switch (kind) {
    case Kind.hello:
      return {
        kind: 'hello', networkId: reader.number(4) | 0, channel: reader.fixed(32), workerKey: reader.fixed(32), firstSeq: reader.number(4),
        enc: reader.fixed(32), signature: reader.fixed(64),
      };
    case Kind.welcome:
      return { kind: 'welcome', nextSeq: reader.number(4), owed: reader.uint(AMOUNT_BYTES), voucher: reader.amount() };
    case Kind.request:
      return { kind: 'request', seq: reader.number(4), termsHash: reader.fixed(32), voucher: reader.amount(), sealed: reader.sealed() };
    case Kind.piece:
      return {
        kind: 'piece', seq: reader.number(4), index: reader.number(4), final: reader.flag(), finishReason: reader.finishReason(),
        issuedAt: reader.number(4), dueNano: reader.uint(8), responseCommit: reader.fixed(32), traceCommit: reader.fixed(32),
        promptTokens: reader.number(4), outputTokens: reader.number(4), signature: reader.fixed(64), sealed: reader.sealed(),
      };
    case Kind.payment:
      return { kind: 'payment', ...reader.amount() };
    case Kind.cancel:
      return { kind: 'cancel', seq: reader.number(4) };
    case Kind.refusal:
      return {
        kind: 'refusal', seq: reader.number(4), termsHash: reader.fixed(32), reason: reader.number(1), retryAfter: reader.number(4),
        signature: reader.fixed(64),
      };
    default:
      throw new ProtocolError('UNKNOWN_FRAME', 'This version has no frame of that kind', { expected: '1..7', received: String(kind) });
  }
}
