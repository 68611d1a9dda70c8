/** Clients that ask a worker which is killed again and again, and keep everything that they got. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { ChannelBackend } from '../../gateway/channel/channelBackend';
import type { ClientStore } from '../../gateway/channel/clientStore';
import type { AskedTokens, DeliveredAnswer } from '../../gateway/channel/delivered';
import type { ModelCard } from '../../gateway';
import {
  type ChannelFrame, type ChannelRequest, buildChannelRequest, decodeFrame, dueFor, encodeFrame, encodePayload, GREEDY_SAMPLING, helloHash, type PieceFrame, RequestSealer,
  SEMANTICS, termsHash, Tier, Visibility, voucherHash,
} from '../../protocol';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import type { PaymentChannelTerms } from '../../wrappers';

/** A channel on chain, the worker behind it and its prices. */
export interface OpenedChannel {
  address: Uint8Array;
  terms: PaymentChannelTerms;
  secret: Uint8Array;
  workerKey: Uint8Array;
  sealingKey: Uint8Array;
  promptPrice: bigint;
  outputPrice: bigint;
  budget: bigint;
  /** Where the worker is now: another port after each kill. */
  url(): string;
}

export function backendOf(card: ModelCard, channel: OpenedChannel, store: ClientStore, observe: (answer: DeliveredAnswer) => void): ChannelBackend {
  const { address, terms, secret, workerKey, sealingKey, promptPrice, outputPrice, budget } = channel;
  return new ChannelBackend(card, {
    networkId: terms.networkId, channel: address, workerKey, sealingKey, promptPrice, outputPrice, budget, ed25519: nodeEd25519, tier: Tier.bonded,
    client: new Uint8Array(terms.client.hash), stake: new Uint8Array(terms.stake.hash), imageHash: new Uint8Array(32), clientKey: terms.clientKey,
    sign: (hash) => nodeEd25519.sign(hash, secret),
    get url() {
      return channel.url();
    },
  }, store, undefined, observe);
}

/** An answer that takes so long waits for something that never comes, however busy the machine is. */
const STALLED_MILLIS = 60_000;

/** Errors of a worker that is gone, or not there yet; whoever hears one asks anew. */
const EXPECTED = /^gateway\.(connection-lost|unreachable|overloaded)$/;

/** Asks for one answer after another until told to stop. @returns how many came whole @throws what a client of an honest worker never hears */
export async function keepAsking(backend: ChannelBackend, maxTokens: number, name: number, stop: AbortSignal): Promise<number> {
  let whole = 0;
  for (let count = 0; !stop.aborted; count++) {
    const seed = Buffer.alloc(32);
    seed.writeUInt32BE(name);
    seed.writeUInt32BE(count, 4);
    try {
      if (await askOnce(backend, maxTokens, new Uint8Array(seed))) whole++;
    } catch (error) {
      if (!EXPECTED.test((error as { code?: string }).code ?? '')) throw error;
      await sleep(100);
    }
  }
  return whole;
}

export async function askOnce(backend: ChannelBackend, maxTokens: number, seed: Uint8Array): Promise<boolean> {
  const asked: AskedTokens = { model: 'seeded', promptTokens: [1, 2, 3], maxTokens, stopTokens: [], sampling: { ...GREEDY_SAMPLING, seed } };
  let isWhole = false;
  for await (const event of backend.complete({ ...asked, abort: AbortSignal.timeout(STALLED_MILLIS), enough: new AbortController().signal })) isWhole ||= event.kind === 'end';
  return isWhole;
}

/**
 * A client that asks for the same request, under the same number, until it has all of it: what the worker signed before it was killed has
 * to come again, bit for bit.
 */
export class StubbornClient {
  /** Frames of pieces by `seq index`, as hex. */
  readonly pieces = new Map<string, string>();
  /** Pieces that came more than once. */
  repeated = 0;
  private owed = 0n;
  private vouched = 0n;

  constructor(private readonly channel: OpenedChannel, private readonly modelRoot: Uint8Array) {}

  async keepAsking(maxTokens: number, stop: AbortSignal): Promise<void> {
    for (let seq = 1; !stop.aborted; seq++) {
      const request = this.request(seq, maxTokens);
      const before = this.owed;
      while (!(await this.attempt(request, before))) {
        if (stop.aborted) return;
        await sleep(100);
      }
    }
  }

  private request(seq: number, maxTokens: number): ChannelRequest {
    const { terms, address, workerKey, promptPrice, outputPrice } = this.channel;
    const filled = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
    const payload = {
      asked: {
        tier: Tier.bonded, visibility: Visibility.sealed, flags: 0, semantics: SEMANTICS, salt: new Uint8Array(16).fill(seq), modelRoot: this.modelRoot, maxTokens,
        expiresAt: Math.floor(Date.now() / 1000) + 600, promptPrice, outputPrice, coverage: 0n, imageHash: new Uint8Array(32),
      },
      request: { promptTokens: [1, 2, 3], sampling: GREEDY_SAMPLING, stopTokens: [], nonce: BigInt(seq), toolsHash: new Uint8Array(32) },
      responseKey: filled(seq), commitSalt: filled(seq),
    };
    const context = { networkId: terms.networkId, client: new Uint8Array(terms.client.hash), stake: new Uint8Array(terms.stake.hash), workerKey, price: 0n };
    return buildChannelRequest(payload, context, { channel: address, seq });
  }

  /** @param before nanoTON owed for all requests before this one @returns whether the last piece came */
  private async attempt(request: ChannelRequest, before: bigint): Promise<boolean> {
    const { terms: { networkId }, address, secret, workerKey, sealingKey } = this.channel;
    const { seq } = request;
    const binding = { networkId, channel: address, workerKey, firstSeq: seq };
    const sealer = await RequestSealer.open(sealingKey, binding);
    const socket = new WebSocket(this.channel.url(), { perMessageDeflate: false });
    const closed = once(socket, 'close').then(() => false, () => false);
    socket.on('error', () => socket.terminate());
    const send = (frame: ChannelFrame): void => socket.send(encodeFrame(frame));
    const voucher = (amount: bigint) => {
      if (amount > this.vouched) this.vouched = amount;
      const hash = voucherHash({ networkId, channel: address, final: false, amount: this.vouched });
      return { amount: this.vouched, final: false, signature: nodeEd25519.sign(hash, secret) };
    };
    const whole = new Promise<boolean>((resolve, reject) => {
      socket.on('open', () => send({ kind: 'hello', ...binding, enc: sealer.enc, signature: nodeEd25519.sign(helloHash(binding, sealer.enc), secret) }));
      socket.on('message', (data: Buffer) => {
        const frame = decodeFrame(new Uint8Array(data));
        if (frame.kind === 'welcome') {
          const hash = termsHash(request.terms);
          const prepaid = before + dueFor({ ...this.channel, fixedPrice: 0n }, 3, 0);
          send({ kind: 'request', seq, termsHash: hash, voucher: voucher(frame.owed > prepaid ? frame.owed : prepaid), sealed: sealer.seal(seq, encodePayload(request.payload), hash) });
        } else if (frame.kind === 'piece') {
          this.keep(frame, data.toString('hex'), reject);
          if (before + frame.dueNano > this.owed) this.owed = before + frame.dueNano;
          send({ kind: 'payment', ...voucher(this.owed) });
          if (frame.final) resolve(true);
        } else if (frame.kind === 'refusal' && frame.reason !== 2) reject(new Error(`refused: ${frame.reason} for ${frame.seq}`));
        else socket.terminate();
      });
    });
    try {
      return await Promise.race([whole, closed]);
    } finally {
      socket.close();
    }
  }

  private keep({ seq, index }: PieceFrame, bytes: string, reject: (error: Error) => void): void {
    const place = `${seq} ${index}`;
    const known = this.pieces.get(place);
    if (known !== undefined && known !== bytes) reject(new Error(`two different pieces at ${place}`));
    if (known !== undefined) this.repeated++;
    this.pieces.set(place, bytes);
  }
}
