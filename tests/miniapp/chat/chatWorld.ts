/** A page's conversation with a real worker, through a real relay and a hop behind it that may lie. */
import { WebSocket } from 'ws';
import { modelPart } from '../../../miniapp/host/modelPart';
import { Conversation, type SocketMaker, type Times } from '../../../miniapp/src/chat';
import type { HeldAnswer, Offer, PageTokenizer } from '../../../miniapp/src/types';
import { type ChannelFrame, decodeFrame, toHex } from '../../../protocol';
import { SHIPPED_MODEL } from '../../../worker/engine';
import { STAKE } from '../../gateway/bought';
import { relaySuite, type RelayWorld } from '../../gateway/relayWorld';
import { until } from '../../gateway/support';
import { PRICES, type WorkerWorld } from '../../worker/channels/conversationWorld';
import type { Loaded } from '../../worker/channels/suite';
import { MemoryPurse } from './memoryPurse';
import { tokenizerOf } from './tokenizers';

export const PROMPT = 'a quick marker';
/** Three chunks, the last one short. */
export const TOKENS = 70;
export const CHUNKS = 3;

let tokenizer: Promise<PageTokenizer> | null = null;
/** Of the shipped model; it has no stop token in its answers here, so that they have the length that is asked for. */
export const shippedTokenizer = async (): Promise<PageTokenizer> => ({ ...(await (tokenizer ??= tokenizerOf(modelPart(SHIPPED_MODEL)))), stopTokens: [] });

export const offerOf = (world: WorkerWorld, channelPath: string): Offer => ({
  stake: toHex(STAKE), owner: '08'.repeat(32), tier: 'bonded', workerKey: toHex(world.keys.signingPublic), sealingKey: toHex(world.keys.sealingPublic), imageHash: '00'.repeat(32),
  modelRoot: toHex(world.model.model.modelRoot), promptPrice: PRICES.promptPrice, outputPrice: PRICES.outputPrice, maxTokens: 256,
  contextTokens: world.model.model.config.context, payout: '02'.repeat(32), claimKey: toHex(world.terms.claimKey), closeDelay: world.terms.closeDelay, channelPath,
});

export function purseOf(world: WorkerWorld): MemoryPurse {
  const { networkId, clientKey, claimKey, closeDelay, expiry } = world.terms;
  const terms = { networkId, client: '01'.repeat(32), clientKey: toHex(clientKey), stake: toHex(STAKE), payout: '02'.repeat(32), claimKey: toHex(claimKey), closeDelay, expiry };
  return new MemoryPurse(toHex(world.address), terms, world.clientKey, PRICES);
}

export interface ChatWorld {
  relay: RelayWorld;
  purse: MemoryPurse;
  chat: Conversation;
  /** Frames that the relay saw going to the worker. */
  sent(): ChannelFrame[];
  /** Both sides come to agree on what is owed and vouched for. */
  agreed(): Promise<void>;
}

export interface WorldChanges {
  times?: Partial<Times>;
  loaded?: Partial<Loaded>;
  tokenizer?: PageTokenizer;
}

/** Worlds of a suite; call it inside `describe`. */
export function chatSuite(): { loaded: Loaded; open: (offer?: Partial<Offer>, changes?: WorldChanges) => Promise<ChatWorld>; answer: () => Promise<number[]>; ends: (() => unknown)[] } {
  const { loaded, begin, ends } = relaySuite();
  let tokens: Promise<number[]> | null = null;
  const open = async (offer: Partial<Offer> = {}, { times, loaded: other, tokenizer: given }: WorldChanges = {}): Promise<ChatWorld> => {
    const relay = await begin(other);
    const purse = purseOf(relay.world);
    const chat = new Conversation({
      config: { relay: relay.relay.url }, offer: { ...offerOf(relay.world, `/v1/channel/${relay.name}`), ...offer }, purse, tokenizer: given ?? (await shippedTokenizer()),
      modelName: 'a model', now: () => relay.now, WebSocket: WebSocket as unknown as SocketMaker, times: { quiet: 5_000, ...times },
    });
    ends.push(() => chat.close());
    return {
      relay, purse, chat,
      sent: () => relay.seen.filter(({ way }) => way === 'up').map(({ frame }) => decodeFrame(new Uint8Array(frame))),
      agreed: () => until(() => {
        const { dueNano, voucherNano } = relay.world.store.read.balance(relay.world.address);
        return purse.owed === dueNano && purse.vouched === voucherNano;
      }),
    };
  };
  /** What the exact engine says, asked directly. */
  const generated = async (): Promise<number[]> => {
    const promptTokens = (await shippedTokenizer()).encode(PROMPT);
    return [...(await loaded.engine.generate({ promptTokens, maxTokens: TOKENS, stopTokens: [], sampling: { t: 0, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32) } })).tokens];
  };
  return { loaded, open, answer: () => (tokens ??= generated()), ends };
}

export const tokensOf = ({ file }: HeldAnswer): number[] => [...(file?.tokens ?? [])];
