/** The page's session over fakes: a relay's list, a chain of which everything can be changed, a wallet, and a worker behind a socket. */
import { Address } from '@ton/core';
import { modelPart } from '../../../miniapp/host/modelPart';
import { Board } from '../../../miniapp/src/app/board';
import { Session } from '../../../miniapp/src/app/session';
import { type ChainPair, type StakeState, stakeAddress, type WorkerKey } from '../../../miniapp/src/chain';
import type { PageConfig, Reading } from '../../../miniapp/src/types';
import {
  buildChannelRequest, type ChannelFrame, decodeFrame, decodePayload, encodeFrame, FinishReason, type Hello, NO_VOUCHER, preparePiece, RequestOpener, sealingPublicKey, toHex,
} from '../../../protocol';
import { descriptorBytes } from '../../../worker/descriptor';
import { SHIPPED_MODEL } from '../../../worker/engine';
import type { ServiceOptions } from '../../../worker/service';
import { descriptorHashOf } from '../../../wrappers/discovery';
import { signed, WORKER_KEY } from '../../protocol/channel/channelRequest';
import { CLIENT, LifeWorld } from '../channel/lifeWorld';
import { NOW } from '../channel/world';

/** Waits of the page, longer than any test, that would keep the process from ending. */
const setTimer = globalThis.setTimeout;
globalThis.setTimeout = ((run: () => void, millis?: number, ...given: unknown[]) => {
  const timer = setTimer(run, millis, ...given) as unknown as NodeJS.Timeout;
  return (millis ?? 0) >= 5_000 ? timer.unref() : timer;
}) as unknown as typeof setTimeout;
const setRepeated = globalThis.setInterval;
globalThis.setInterval = ((run: () => void, millis?: number) => setRepeated(run, millis).unref()) as unknown as typeof setInterval;

const fill = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const { root, part } = modelPart(SHIPPED_MODEL);
const [REGISTRY, OWNER] = [toHex(fill(1)), toHex(fill(2))];
export const STAKE = stakeAddress({ networkId: 2026, registry: REGISTRY, owner: OWNER });
export const TON = 10n ** 9n;
/** Tokens of each answer. */
const TOKENS = 40;

export const CONFIG: PageConfig = {
  network: 'devnet', networkId: 2026, registry: REGISTRY, relay: 'https://relay.example', apis: [{ name: 'A', url: 'https://a' }, { name: 'B', url: 'https://b' }],
  models: [{ root, name: 'a model', tokenizer: '/models/a.json' }], quoteRoot: 'simulated', manifestUrl: 'https://x', wallets: [], payInTelegram: true, deposit: '1',
};

/** What the worker does with a request. */
export type WorkerManner = 'answers' | 'waits' | 'cuts';

export class AppWorld {
  readonly life = new LifeWorld();
  readonly board = new Board();
  readonly session: Session;
  /** Of the stake on chain. */
  stake: Partial<StakeState> = {};
  stakeReading: Reading<never> | null = null;
  sealing = fill(4);
  prices = { promptPrice: 1_000_000n, outputPrice: 1_000_000n };
  isListed = true;
  /** Before the relay gives its list. */
  beforeList: () => Promise<void> = async () => undefined;
  lists = 0;
  isReachable = true;
  manner: WorkerManner = 'answers';
  /** What the worker says that it is owed, beyond all that it was paid. */
  owed = 0n;
  /** What came to the worker. */
  readonly frames: ChannelFrame[] = [];
  readonly opened: { prompt: readonly number[] }[] = [];
  /** Lets an answer go on that waits. */
  goOn: () => void = () => undefined;
  readonly parts = { ...this.life.page(), config: CONFIG };

  constructor() {
    const pair = {
      channel: (address: string) => this.life.channel(address), channelsOf: () => this.life.channelsOf(), stake: async () => this.stakeReading ?? this.stakeOnChain(),
      registry: async () => ({ agreement: 'both', value: { networkId: 2026, isSimulated: true, epoch: 0, images: new Map(), asOf: this.life.time } }),
    };
    globalThis.fetch = ((url: string) => this.reply(String(url))) as typeof fetch;
    const world = this;
    globalThis.WebSocket = class {
      constructor() {
        return new WorkerSocket(world) as never;
      }
    } as never;
    this.session = new Session(this.board, this.parts, pair as unknown as ChainPair);
  }

  /** With a provider that was chosen, and a channel of a TON. */
  static async withChannel(): Promise<AppWorld> {
    const world = new AppWorld();
    await world.session.refresh();
    world.board.set({ chosen: STAKE });
    await world.session.openChannel(TON);
    return world;
  }

  get channel() {
    return this.board.state.channel!;
  }

  get newest() {
    return this.board.state.messages[this.board.state.messages.length - 1];
  }

  requests = (): ChannelFrame[] => this.frames.filter(({ kind }) => kind === 'request');

  /** The highest voucher that the worker has. */
  paid = (): bigint => this.frames.reduce((most, frame) => {
    const amount = frame.kind === 'payment' ? frame.amount : frame.kind === 'request' ? frame.voucher.amount : 0n;
    return amount > most ? amount : most;
  }, 0n);

  private descriptor(): Buffer {
    return Buffer.from(descriptorBytes({
      policy: { networkId: 2026, workerKey: WORKER_KEY, payout: new Address(0, Buffer.alloc(32, 6)), minPrice: 1n, minSeconds: 30, maxSeconds: 60, tier: 0 },
      model: { name: 'm', model: { modelRoot: fromHexBytes(root), config: { context: 512 } } }, engine: { backend: 'wasm', adapter: 'x' },
      keys: { sealingPublic: sealingPublicKey(this.sealing) }, stake: fromHexBytes(STAKE), maxTokens: TOKENS, maxCoverage: 1n, channels: { claimKey: { publicKey: fill(7) }, ...this.prices },
    } as unknown as ServiceOptions));
  }

  private stakeOnChain(): unknown {
    const key: WorkerKey = {
      workerKey: toHex(WORKER_KEY), sealingKey: toHex(sealingPublicKey(this.sealing)), tier: 0, imageHash: '00'.repeat(32), claims: 0, tcbStatus: 0, revocationEpoch: 0, fromUnix: NOW - 100,
      endUnix: NOW + 30 * 86_400, removedAt: 0,
    };
    return { agreement: 'both', value: {
      networkId: 2026, registry: REGISTRY, owner: OWNER, active: 10n * TON, minimum: TON, reserved: 0n, thawing: 0n, thawedAt: 0, slashed: 0n, faults: 0, openCases: 0, keyCount: 1,
      descriptorHash: toHex(descriptorHashOf(this.descriptor())), endpoint: 'x', keys: [key], asOf: this.life.time, ...this.stake,
    } };
  }

  private async reply(url: string): Promise<Response> {
    if (url === '/models/a.json') return Response.json(part);
    if (url !== 'https://relay.example/v1/providers') return new Response('', { status: 404 });
    this.lists++;
    const listed = { stake: `0:${STAKE}`, owner: `0:${OWNER}`, descriptor: String(this.descriptor()), channel: `/v1/channel/${STAKE}` };
    const providers = this.isListed ? [listed] : [];
    await this.beforeList();
    return Response.json({ providers });
  }
}

const fromHexBytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** The worker's end of a connection. */
class WorkerSocket {
  binaryType = '';
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  private hello: Hello | null = null;
  private opener: RequestOpener | null = null;

  constructor(private readonly world: AppWorld) {
    setImmediate(() => (world.isReachable ? this.onopen?.() : this.onerror?.()));
  }

  send(data: Uint8Array): void {
    const frame = decodeFrame(data);
    this.world.frames.push(frame);
    void this.hear(frame);
  }

  close(): void {
    this.onmessage = null;
  }

  private say(frame: ChannelFrame): void {
    this.onmessage?.({ data: Uint8Array.from(encodeFrame(frame)).buffer });
  }

  private async hear(frame: ChannelFrame): Promise<void> {
    const { world } = this;
    if (frame.kind === 'hello') {
      this.hello = frame;
      this.opener = await RequestOpener.accept(frame.enc, world.sealing, frame);
      this.say({ kind: 'welcome', nextSeq: 1, owed: world.owed, voucher: NO_VOUCHER });
    }
    if (frame.kind !== 'request') return;
    const { networkId, channel } = this.hello!;
    const payload = decodePayload(this.opener!.open(frame.seq, frame.sealed, frame.termsHash));
    const stake = fromHexBytes(STAKE);
    const request = buildChannelRequest(payload, { networkId, client: fromHexBytes(CLIENT), stake, workerKey: WORKER_KEY, price: 0n }, { channel, seq: frame.seq });
    const prompt = payload.request.promptTokens;
    world.opened.push({ prompt });
    if (world.manner === 'cuts') return this.onclose?.({ code: 1006 });
    const tokens = Array.from({ length: TOKENS }, () => prompt[prompt.length - 1]);
    for (const end of [32, TOKENS]) {
      const isLast = end === TOKENS;
      if (isLast && world.manner === 'waits') await new Promise<void>((resolve) => (world.goOn = resolve));
      const made = { index: isLast ? 1 : 0, promptTokens: prompt.length, tokens: tokens.slice(0, end), fresh: isLast ? TOKENS - 32 : 32, ...(isLast && { finishReason: FinishReason.length }), traceRoot: fill(8) };
      const { receipt: { networkId: _, termsHash: __, escrow: ___, sealedHash: ____, ...shown }, sealed, signature } = signed(preparePiece(request, made, world.life.time));
      this.say({ kind: 'piece', ...shown, sealed, signature });
    }
  }
}
