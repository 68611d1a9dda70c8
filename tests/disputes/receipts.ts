/** Receipts as a worker signs them, or as it lies, with all that they commit to; no model computes anything here. */
import { Cell } from '@ton/core';
import type { ExactConfig } from '../../exact/config';
import { leafIndex, treeLevels } from '../../exact/leafAddress';
import { node, paddingRoot } from '../../exact/merkle';
import { loadModel } from '../../exact';
import { leafHash } from '../../exact/trace';
import type { CommittedAnswer, CommittedTrace } from '../../disputes/receiptChecks/answerTokens';
import type { Sealed } from '../../disputes/receiptChecks/misSealed';
import { encodeReceiptFacts } from '../../disputes/receiptFacts';
import { encodeJob } from '../../disputes/step';
import type { CommitSource } from '../../disputes/leafSource';
import {
  buildTerms, commit, encodeByteChain, encodeReceipt, FinishReason, GREEDY_SAMPLING, type JobContext, preparePiece, prepareAnswer, type Receipt, requestRoot, type RequestPayload, SEMANTICS,
  termsHash, Visibility, type Terms,
} from '../../protocol';
import { OUTPUT_INLINE_BYTES } from '../../protocol/byteChain';
import { toCell } from '../../wrappers';
import { modelPath } from '../exact/support';
import { NETWORK_ID, patternBytes, START } from '../support/jobWorld';
import { WORKER } from '../support/stakeWorld';

/** What was asked, and what came of it. */
export interface Asked {
  promptTokens: number;
  maxTokens: number;
  /** Ascending. */
  stopTokens: number[];
  tokens: number[];
  finishReason: number;
  /** A piece of a channel, a sealed job, or a public one. */
  way: 'channel' | 'sealed' | 'public';
}

/** Where a worker's word is not what it computed. */
export interface Lies {
  receipt?: Partial<Receipt>;
  /** Root of the answer's tree. */
  responseRoot?: Uint8Array;
  /** What the trace drew; null where it has padding. */
  drawn?: (number | null)[];
  /** Of the bytes that it signs. */
  output?: (bytes: Uint8Array) => Uint8Array | Cell;
}

export interface Signed extends CommittedAnswer, CommittedTrace, Sealed {
  receipt: Receipt;
  payload: RequestPayload;
  bytes: Uint8Array;
  facts: Cell;
}

export const CONFIG: ExactConfig = loadModel(modelPath('grouped')).config;

/** A commit tree of draws alone. */
function commitTree(drawn: readonly (number | null)[], promptTokens: number): { root: Uint8Array; source: CommitSource } {
  const depth = treeLevels(CONFIG, 'commit');
  const indexOf = (t: number): number => leafIndex(CONFIG, 'commit', { block: Math.floor(t / 32), position: t % 32, group: CONFIG.layers + 1, slot: 'draw', leaf: 0 });
  const leaves = new Map<number, Buffer>();
  drawn.forEach((token, i) => {
    if (token === null) return;
    const bytes = Buffer.alloc(16);
    bytes.writeUInt32BE(token, 12);
    leaves.set(indexOf(promptTokens - 1 + i), bytes);
  });
  const levels = [new Map([...leaves].map(([index, bytes]) => [index, leafHash(bytes)]))];
  for (let level = 0; level < depth; level++) {
    const at = (index: number): Uint8Array => levels[level].get(index) ?? paddingRoot(level);
    levels.push(new Map([...new Set([...levels[level].keys()].map((index) => index >> 1))].map((index) => [index, node(at(2 * index), at(2 * index + 1))])));
  }
  const source: CommitSource = {
    leaf(address) {
      const index = leafIndex(CONFIG, 'commit', address);
      return { bytes: leaves.get(index) ?? null, path: Array.from({ length: depth }, (_, level) => levels[level].get((index >> level) ^ 1) ?? paddingRoot(level)) };
    },
  };
  return { root: levels[depth].get(0) ?? paddingRoot(depth), source };
}

/** Index of the last piece of a channel's answer. */
const lastIndex = (promptTokens: number, tokens: number): number => Math.ceil(promptTokens / 2048) - 1 + Math.ceil(tokens / 32) - 1;

/** Made as the worker makes it, then bent. */
export function signed({ promptTokens, maxTokens, stopTokens, tokens, finishReason, way }: Asked, lies: Lies = {}): Signed {
  const isPublic = way === 'public';
  const payload: RequestPayload = {
    asked: {
      tier: 0, visibility: isPublic ? Visibility.public : Visibility.sealed, flags: 0, semantics: SEMANTICS, salt: patternBytes(16, 7), modelRoot: patternBytes(32, 8), maxTokens,
      expiresAt: START + 600, promptPrice: 0n, outputPrice: 0n, coverage: 0n, imageHash: new Uint8Array(32),
    },
    request: { promptTokens: Array.from({ length: promptTokens }, (_, i) => i), sampling: GREEDY_SAMPLING, stopTokens, nonce: 9n, toolsHash: new Uint8Array(32) },
    responseKey: isPublic ? new Uint8Array(32) : patternBytes(32, 3), commitSalt: isPublic ? new Uint8Array(32) : patternBytes(32, 5),
  };
  const context: JobContext = { networkId: NETWORK_ID, client: patternBytes(32, 61), stake: patternBytes(32, 62), workerKey: WORKER.publicKey, price: 1n };
  const terms: Terms = buildTerms(payload, context);
  const escrow = patternBytes(32, 70);
  const drawn = lies.drawn ?? tokens;
  const { root: traceRoot, source } = commitTree(drawn, promptTokens);
  let made: { receipt: Receipt; bytes: Uint8Array };
  if (way === 'channel') {
    const index = lastIndex(promptTokens, tokens.length);
    const fresh = tokens.length - 32 * (Math.ceil(tokens.length / 32) - 1);
    const piece = preparePiece({ terms, payload, channel: escrow, seq: 4, termsHash: termsHash(terms) }, { index, promptTokens, tokens, fresh, finishReason, traceRoot }, START);
    made = { receipt: piece.receipt, bytes: piece.sealed };
  } else {
    const answer = prepareAnswer(terms, payload, escrow, { tokens, finishReason, traceRoot }, START);
    made = { receipt: answer.receipt, bytes: answer.output };
  }
  const signedBytes = lies.output?.(Uint8Array.from(made.bytes)) ?? made.bytes;
  const output = signedBytes instanceof Cell ? signedBytes : toCell(encodeByteChain(signedBytes, OUTPUT_INLINE_BYTES));
  const receipt: Receipt = {
    ...made.receipt, sealedHash: output.hash(),
    ...(lies.responseRoot === undefined ? {} : { responseCommit: commit('response', payload.commitSalt, lies.responseRoot) }), ...lies.receipt,
  };
  const job = encodeJob({
    promptTokens: receipt.promptTokens, outputTokens: receipt.outputTokens, requestRoot: requestRoot(payload.request), sampling: { ...GREEDY_SAMPLING, seed: new Uint8Array(32) },
  });
  const facts = encodeReceiptFacts(CONFIG, toCell(encodeReceipt(receipt)), job);
  return {
    receipt, payload, terms, output, bytes: made.bytes, facts, responseKey: payload.responseKey, commitSalt: payload.commitSalt, answer: { finishReason, tokens },
    config: CONFIG, commit: source, promptTokens: receipt.promptTokens,
  };
}

/** How an honest worker ends: at the first token of the stop set, or after as many as it may. @param drawn at least maxTokens of them */
export function honest(drawn: readonly number[], { maxTokens, stopTokens, ...rest }: Pick<Asked, 'promptTokens' | 'maxTokens' | 'stopTokens' | 'way'>): Asked {
  const stop = drawn.slice(0, maxTokens).findIndex((token) => stopTokens.includes(token));
  const tokens = drawn.slice(0, stop < 0 ? maxTokens : stop + 1);
  return { ...rest, maxTokens, stopTokens, tokens, finishReason: stop < 0 ? FinishReason.length : FinishReason.stop };
}
