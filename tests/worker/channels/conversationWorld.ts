import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Address, toNano } from '@ton/core';
import pino from 'pino';
import {
  buildChannelRequest, type ChannelFrame, type ChannelRequest, decodeFrame, dueFor, encodeFrame, encodePayload, firstPiece, GREEDY_SAMPLING,
  helloHash, outputHash, type PieceFrame, RequestSealer, type RequestPayload, StreamChecker, termsHash, Tier, type TierValue, Visibility, voucherHash,
} from '../../../protocol';
import { type NetworkPrices, packChannel, PaymentChannel, type PaymentChannelTerms } from '../../../wrappers';
import { ChannelConversation, type ConversationContext } from '../../../worker/channels/conversation';
import { ADMISSION_LIMITS, Admission } from '../../../worker/operation/admission';
import { ChannelDesk } from '../../../worker/channels/desk';
import { ChannelStore } from '../../../worker/channels/store/channelStore';
import { type LoadedEngine, type LoadedModel, openEngine, openModel, type ServedEngine, type ServedModel } from '../../../worker/engine';
import { nodeEd25519 } from '../../../worker/keys/ed25519';
import { loadWorkerKeys, type WorkerKeys } from '../../../worker/keys/workerKeys';

export const NOW = 1_800_000_000;
const DAY = 86_400;
const wallet = (byte: number): Address => new Address(0, Buffer.alloc(32, byte));
const filled = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
export const networkPrices: NetworkPrices = {
  gasPrice: 26_214_400n, flatGasLimit: 100n, flatGasPrice: 40_000n, lumpPrice: 400_000n, bitPrice: 26_214_400n, cellPrice: 2_621_440_000n,
};
export const PRICES = { promptPrice: 1_000_000n, outputPrice: 1_000_000_000n, fixedPrice: 0n };

export interface KeyPair {
  publicKey: Uint8Array;
  /** Seed of 32 bytes. */
  secret: Uint8Array;
  sign(hash: Uint8Array): Uint8Array;
}

export function newKey(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(12)),
    secret: new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(16)),
    sign: (hash) => new Uint8Array(sign(null, hash, privateKey)),
  };
}

/** A worker with a real store, engine and keys, and a chain that shows one channel. */
export class WorkerWorld {
  readonly clientKey = newKey();
  readonly claimKey = newKey();
  readonly folder = mkdtempSync(join(tmpdir(), 'cocoon-conversation-'));
  readonly keys: WorkerKeys = loadWorkerKeys(this.folder);
  readonly terms: PaymentChannelTerms = {
    networkId: 2026, client: wallet(1), clientKey: this.clientKey.publicKey, stake: wallet(3), payout: wallet(2),
    claimKey: this.claimKey.publicKey, closeDelay: DAY, expiry: NOW + 90 * DAY,
  };
  channel!: PaymentChannel;
  store!: ChannelStore;
  context!: ConversationContext;
  balance = toNano('1');
  /** Unix seconds. */
  clock = NOW;
  /** How often the chain was asked for the channel. */
  looks = 0;
  readonly draining = new AbortController();

  private constructor(
    readonly model: ServedModel,
    public engine: ServedEngine,
    readonly tier: TierValue,
  ) {}

  static async create(model: ServedModel, engine: ServedEngine, tier: TierValue = Tier.bonded): Promise<WorkerWorld> {
    const world = new WorkerWorld(model, engine, tier);
    world.channel = await PaymentChannel.fromTerms(world.terms);
    world.start();
    return world;
  }

  static async loaded(): Promise<{ model: LoadedModel; engine: LoadedEngine }> {
    const model = openModel();
    return { model, engine: await openEngine(model, 'wasm') };
  }

  get address(): Uint8Array {
    return new Uint8Array(this.channel.address.hash);
  }

  /** Opens the store and begins to serve, as a process does. */
  start(): void {
    const now = (): number => this.clock;
    const { keys, model, engine } = this;
    this.store = ChannelStore.open(this.folder, { networkId: 2026, workerKey: Buffer.from(keys.signingPublic).toString('hex') }, NOW);
    const { code } = this.channel.init!;
    const chain = {
      getAccount: async () => {
        this.looks++;
        return { state: 'active' as const, balance: this.balance, code, data: packChannel(this.terms), apiTime: this.clock };
      },
      networkPrices: async () => networkPrices,
    };
    const policy = { networkId: 2026, stake: filled(3), payout: wallet(2), claimKeys: [this.claimKey.publicKey], minCloseDelay: DAY };
    this.context = {
      desk: new ChannelDesk({ chain, store: this.store, policy, now, viewSeconds: 30 }),
      serving: { workerKey: keys.signingPublic, tier: this.tier, ...PRICES, maxTokens: 256, maxSeconds: 3_600 },
      policy, store: this.store, keys, engine, model, now, admission: new Admission({ ...ADMISSION_LIMITS, perChannel: 4 }), draining: this.draining.signal, log: pino({ level: 'silent' }),
    };
  }

  restart(): void {
    this.store.close();
    this.start();
  }

  end(): void {
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @param sender IP address that it seems to come from */
  connect(sender = '127.0.0.1'): Connection {
    return new Connection(this, sender);
  }

  /** One that the worker has greeted. */
  async greeted(firstSeq = 1): Promise<Connection> {
    const client = this.connect();
    await client.hello(firstSeq);
    if (client.last?.kind !== 'welcome') throw new Error(`no welcome: ${client.last?.kind ?? client.closed}`);
    return client;
  }

  /** A request for an answer of so many tokens; no stop token, so it has exactly that many. */
  request(
    seq: number, maxTokens: number, changes: Partial<RequestPayload['asked']> = {}, promptTokens = this.model.model.tokenizer.encodePrompt('swiftly'),
  ): ChannelRequest {
    const payload: RequestPayload = {
      asked: {
        tier: this.tier, visibility: Visibility.sealed, flags: 0, semantics: this.model.model.config.semantics, salt: new Uint8Array(16).fill(seq),
        modelRoot: this.model.model.modelRoot, maxTokens, expiresAt: NOW + 600, promptPrice: PRICES.promptPrice, outputPrice: PRICES.outputPrice,
        coverage: 0n, imageHash: new Uint8Array(32), ...changes,
      },
      request: {
        promptTokens, sampling: GREEDY_SAMPLING, stopTokens: [], nonce: BigInt(seq), toolsHash: new Uint8Array(32),
      },
      responseKey: filled(50 + seq),
      commitSalt: filled(70 + seq),
    };
    const context = { networkId: 2026, client: filled(1), stake: filled(3), workerKey: this.keys.signingPublic, price: 0n };
    return buildChannelRequest(payload, context, { channel: this.address, seq });
  }

  /** The same request with another payload, and the terms that follow from it. */
  rebuilt(request: ChannelRequest, payload: RequestPayload): ChannelRequest {
    const { networkId, client, stake, workerKey } = request.terms;
    return buildChannelRequest(payload, { networkId, client, stake, workerKey, price: 0n }, request);
  }

  voucher(amount: bigint, final = false, key = this.clientKey): { amount: bigint; final: boolean; signature: Uint8Array } {
    return { amount, final, signature: key.sign(voucherHash({ networkId: 2026, channel: this.address, final, amount })) };
  }
}

/** What a request that needs so many nanoTON in advance costs before its first chunk. */
export const prepaid = (request: ChannelRequest): bigint =>
  dueFor(request.terms, firstPiece(request.payload.request.promptTokens.length).promptTokens, 0);

/** A client's end of one connection, over memory. */
export class Connection {
  readonly frames: ChannelFrame[] = [];
  readonly bytes: Uint8Array[] = [];
  closed: string | null = null;
  sealer!: RequestSealer;
  private readonly conversation: ChannelConversation;
  private wakers: (() => void)[] = [];

  constructor(private readonly world: WorkerWorld, sender: string) {
    this.conversation = new ChannelConversation(world.context, {
      sender,
      send: (frame) => {
        this.bytes.push(frame);
        this.frames.push(decodeFrame(frame));
        for (const wake of this.wakers.splice(0)) wake();
      },
      close: (code) => {
        this.closed = code;
        for (const wake of this.wakers.splice(0)) wake();
      },
    });
  }

  async send(frame: ChannelFrame | Uint8Array): Promise<void> {
    await this.conversation.receive(frame instanceof Uint8Array ? frame : encodeFrame(frame));
  }

  async hello(firstSeq = 1, key: KeyPair = this.world.clientKey): Promise<void> {
    const binding = { networkId: 2026, channel: this.world.address, workerKey: this.world.keys.signingPublic, firstSeq };
    this.sealer = await RequestSealer.open(this.world.keys.sealingPublic, binding);
    const { enc } = this.sealer;
    await this.send({ kind: 'hello', ...binding, enc, signature: key.sign(helloHash(binding, enc)) });
  }

  ask(request: ChannelRequest, amount: bigint): Promise<void> {
    const hash = termsHash(request.terms);
    const sealed = this.sealer.seal(request.seq, encodePayload(request.payload), hash);
    return this.send({ kind: 'request', seq: request.seq, termsHash: hash, voucher: this.world.voucher(amount), sealed });
  }

  pay(amount: bigint): Promise<void> {
    return this.send({ kind: 'payment', ...this.world.voucher(amount) });
  }

  /** Waits until so many frames came. */
  async count(frames: number): Promise<void> {
    while (this.frames.length < frames && this.closed === null) await new Promise<void>((resolve) => this.wakers.push(resolve));
  }

  /** Reads an answer to its end and pays each chunk when it came; answers what was vouched for at last. @param base nanoTON that were owed before */
  async payThrough({ seq }: ChannelRequest, base = 0n): Promise<bigint> {
    for (let index = 0; ; index++) {
      while (this.pieces(seq).length <= index) await this.count(this.frames.length + 1);
      const { dueNano, final } = this.pieces(seq)[index];
      await this.pay(base + dueNano);
      if (final) return base + dueNano;
    }
  }

  pieces(seq: number): PieceFrame[] {
    return this.frames.filter((frame): frame is PieceFrame => frame.kind === 'piece' && frame.seq === seq);
  }

  get last(): ChannelFrame | undefined {
    return this.frames.at(-1);
  }

  drop(): void {
    this.conversation.end();
  }
}

/** Checks pieces as a client does; answers the tokens. */
export function checked(request: ChannelRequest, pieces: readonly PieceFrame[]): readonly number[] {
  const checker = new StreamChecker(request, nodeEd25519);
  for (const { kind: _, signature, sealed, ...shown } of pieces) {
    const { terms, channel } = request;
    const receipt = { ...shown, networkId: terms.networkId, termsHash: termsHash(terms), escrow: channel, sealedHash: outputHash(sealed) };
    const result = checker.accept({ receipt, sealed, signature }, NOW);
    if (!result.ok) throw new Error(result.fault);
  }
  return checker.answer;
}

/** Time in which whatever the worker does on its own has been done. */
export const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));
