/** Answers as a worker signs them, without a model: an engine that makes tokens up, but always the same ones. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after } from 'node:test';
import pino from 'pino';
import { GREEDY, type Generation, type Job } from '../../../exact';
import {
  buildChannelRequest, type ChannelRequest, CHUNK_TOKENS, FinishReason, GREEDY_SAMPLING, type PieceFault, type PieceFrame, preparePiece, type Receipt, receiptHash,
  type RequestPayload, SEMANTICS, Tier, Visibility,
} from '../../../protocol';
import { type AuditEngine, Auditor, type AuditorOptions, AuditStore, onEngine, Sampler } from '../../../gateway/audit';
import type { DeliveredAnswer } from '../../../gateway/channel/delivered';
import { nodeEd25519 } from '../../../worker/keys/ed25519';
import { generationOf } from '../../../worker/jobs/request';
import { newKey } from '../../worker/channels/conversationWorld';

export const NOW = 1_800_000_000;
export const MODEL_ROOT = new Uint8Array(32).fill(9);
export const STAKE = new Uint8Array(32).fill(3);
export const STAKE_HEX = Buffer.from(STAKE).toString('hex');
export const workerKey = newKey();
const CHANNEL = new Uint8Array(32).fill(5);

const sha = (...parts: (Uint8Array | string)[]): Buffer => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

/** A generation that follows from prompt and seed alone. */
export function echoed({ promptTokens, maxTokens, sampling }: Pick<Job, 'promptTokens' | 'maxTokens' | 'sampling'>): Generation {
  const source = sha(promptTokens.join(), sampling.seed);
  const tokens = Array.from({ length: maxTokens }, (_, index) => sha(source, String(index)).readUInt16BE(0));
  return { tokens, finishReason: 'length', traceRoot: new Uint8Array(sha(source, tokens.join())), blockRoots: [], millis: 0 };
}

export const echoEngine = (change: (result: Generation) => Generation = (result) => result, backend = 'echo'): AuditEngine => ({
  backend, adapter: 'a test', generate: async (job) => change(echoed(job)), close: async () => undefined,
});

export interface AnswerChanges {
  asked?: Partial<RequestPayload['asked']>;
  /** What the worker says instead of the echo. */
  lie?: (result: Generation) => Generation;
  /** Pieces that came, where not all did. */
  pieces?: number;
}

export function requestFor(seq: number, maxTokens = 40, asked: Partial<RequestPayload['asked']> = {}): ChannelRequest {
  const payload: RequestPayload = {
    asked: {
      tier: Tier.bonded, visibility: Visibility.sealed, flags: 1, semantics: SEMANTICS, salt: new Uint8Array(16).fill(seq), modelRoot: MODEL_ROOT, maxTokens,
      expiresAt: NOW + 600, promptPrice: 1n, outputPrice: 1_000_000n, coverage: 0n, imageHash: new Uint8Array(32), ...asked,
    },
    request: { promptTokens: [7, 1, seq % 60_000], sampling: GREEDY_SAMPLING, stopTokens: [], nonce: BigInt(seq), toolsHash: new Uint8Array(32) },
    responseKey: new Uint8Array(sha('response key', String(seq))),
    commitSalt: new Uint8Array(sha('commit salt', String(seq))),
  };
  const context = { networkId: 2026, client: new Uint8Array(32).fill(1), stake: STAKE, workerKey: workerKey.publicKey, price: 0n };
  return buildChannelRequest(payload, context, { channel: CHANNEL, seq });
}

/** Signs a receipt, whatever it says. */
export function signed(receipt: Receipt, sealed: Uint8Array): PieceFrame {
  const { networkId: _, termsHash: __, escrow: ___, sealedHash: ____, ...shown } = receipt;
  return { kind: 'piece', ...shown, sealed, signature: workerKey.sign(receiptHash(receipt)) };
}

/** The pieces of an answer, as an honest worker cuts them. */
export function piecesOf(request: ChannelRequest, result: Pick<Generation, 'tokens' | 'finishReason' | 'traceRoot'>): PieceFrame[] {
  const count = Math.ceil(result.tokens.length / CHUNK_TOKENS);
  return Array.from({ length: count }, (_, index) => {
    const tokens = result.tokens.slice(0, (index + 1) * CHUNK_TOKENS);
    const isLast = index === count - 1;
    const made = {
      index, promptTokens: request.payload.request.promptTokens.length, tokens, fresh: tokens.length - index * CHUNK_TOKENS,
      ...(isLast && { finishReason: FinishReason[result.finishReason], traceRoot: result.traceRoot }),
    };
    const { receipt, sealed } = preparePiece(request, made, NOW);
    return signed(receipt, sealed);
  });
}

/** An answer of 40 tokens in two pieces that has come. */
export function delivered(seq: number, { asked, lie = (result) => result, pieces: count = 2 }: AnswerChanges = {}): DeliveredAnswer {
  const request = requestFor(seq, 40, asked);
  const result = lie(echoed(generationOf(request.payload, request.channel, seq)));
  const pieces = piecesOf(request, result).slice(0, count);
  const tokens = result.tokens.slice(0, pieces.at(-1)?.outputTokens ?? 0);
  const { promptTokens, stopTokens } = request.payload.request;
  return { request, asked: { model: 'echo', promptTokens: [...promptTokens], stopTokens, maxTokens: 40, sampling: GREEDY }, tokens, pieces };
}

/** The answer whose last piece was not accepted. */
export const rejecting = (answer: DeliveredAnswer, piece: PieceFrame, fault: PieceFault): DeliveredAnswer => ({ ...answer, rejected: { piece, fault } });

export const flipped = (bytes: Uint8Array, index = 0): Uint8Array => bytes.map((byte, at) => (at === index ? byte ^ 1 : byte));
export const otherToken = (index: number) => (result: Generation): Generation => ({
  ...result, tokens: result.tokens.map((token, at) => (at === index ? token ^ 1 : token)),
});

/** A private folder for one test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-audit-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An auditor with echo engines, its store, and what it logged. */
export function newAuditor(folder: string, options: Partial<AuditorOptions> & { rate?: number } = {}) {
  const lines: string[] = [];
  const log = pino({ base: undefined }, new Writable({
    write: (chunk: Buffer, _, done) => {
      lines.push(String(chunk));
      done();
    },
  }));
  const store = AuditStore.open(folder);
  const accused: string[] = [];
  const auditor = new Auditor({
    store, sampler: new Sampler(options.rate ?? 1), modelRoot: MODEL_ROOT, log, now: () => NOW, ed25519: nodeEd25519,
    onDifference: (stake) => accused.push(Buffer.from(stake).toString('hex')),
    first: async () => onEngine(echoEngine()), confirm: async () => onEngine(echoEngine((result) => result, 'second echo')), ...options,
  });
  const end = async (): Promise<void> => {
    await auditor.close();
    store.close();
  };
  return { auditor, store, accused, lines, end };
}

/** Uniform numbers that follow from a seed (mulberry32). */
export function seededDraw(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
