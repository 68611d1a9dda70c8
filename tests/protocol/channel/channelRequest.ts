import { generateKeyPairSync, sign } from 'node:crypto';
import { nodeEd25519 } from '../../../worker/keys/ed25519';
import {
  buildChannelRequest, type ChannelRequest, FinishReason, GREEDY_SAMPLING, type MadePiece, preparePiece, receiptHash, type RequestPayload, type SealedPiece,
  SEMANTICS, Tier, Visibility,
} from '../../../protocol';

export const NOW = 1_800_000_000;
export { nodeEd25519 };

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
export const WORKER_KEY = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(12));
export const STOP = 10;

export const filled = (value: number): Uint8Array => new Uint8Array(32).fill(value);

/** A request with so many prompt tokens. 1 nanoTON per prompt token, 3 per answer token. */
export function channelRequest(promptTokens = 5, maxTokens = 100, semantics: number = SEMANTICS): ChannelRequest {
  const payload: RequestPayload = {
    asked: {
      tier: Tier.bonded, visibility: Visibility.sealed, flags: 0, semantics, salt: new Uint8Array(16).fill(4), modelRoot: filled(5),
      maxTokens, expiresAt: NOW + 600, promptPrice: 1_000_000n, outputPrice: 3_000_000n, coverage: 0n, imageHash: new Uint8Array(32),
    },
    request: {
      promptTokens: Array.from({ length: promptTokens }, (_, index) => index % 900), sampling: GREEDY_SAMPLING, stopTokens: [STOP],
      nonce: 7n, toolsHash: new Uint8Array(32),
    },
    responseKey: filled(6),
    commitSalt: filled(7),
  };
  const context = { networkId: 2026, client: filled(1), stake: filled(2), workerKey: WORKER_KEY, price: 0n };
  return buildChannelRequest(payload, context, { channel: filled(9), seq: 3 });
}

export const signed = (piece: SealedPiece): SealedPiece & { signature: Uint8Array } => ({
  ...piece,
  signature: new Uint8Array(sign(null, receiptHash(piece.receipt), privateKey)),
});

/** What a worker makes of a request whose answer is these tokens: the prompt's pieces, then chunks. */
export function madePieces(request: ChannelRequest, tokens: readonly number[]): MadePiece[] {
  const length = request.payload.request.promptTokens.length;
  const pieces: MadePiece[] = [];
  for (let read = 2_048; read < length; read += 2_048) pieces.push({ index: pieces.length, promptTokens: read, tokens: [], fresh: 0 });
  for (let done = 0; done < tokens.length; done += 32) {
    const end = Math.min(tokens.length, done + 32);
    const reason = tokens[tokens.length - 1] === STOP ? FinishReason.stop : FinishReason.length;
    pieces.push({
      index: pieces.length, promptTokens: length, tokens: tokens.slice(0, end), fresh: end - done,
      ...(end === tokens.length ? { finishReason: reason } : {}), traceRoot: filled(8),
    });
  }
  return pieces;
}

export const stream = (request: ChannelRequest, tokens: readonly number[]): ReturnType<typeof signed>[] =>
  madePieces(request, tokens).map((made) => signed(preparePiece(request, made, NOW)));
