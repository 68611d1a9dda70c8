import type { TierValue } from '../../protocol';

/** A provider whose stake, key and image were checked on chain, and what it asks for. Hashes and keys are 32 bytes. */
export interface Offer {
  /** Basechain hash. */
  stake: Uint8Array;
  /** From the stake's record on chain. */
  workerKey: Uint8Array;
  sealingKey: Uint8Array;
  tier: TierValue;
  /** Zero unless the key is attested. */
  imageHash: Uint8Array;
  /** ws: or wss: URL of the worker's channel endpoint. */
  url: string;
  /** nanoTON per million tokens. */
  promptPrice: bigint;
  outputPrice: bigint;
  /** Most tokens of an answer. */
  maxTokens: number;
}

/** A channel that is open on chain. */
export interface MarketChannel {
  /** Basechain hashes. */
  address: Uint8Array;
  client: Uint8Array;
  /** Ed25519 key of vouchers and sessions. */
  clientKey: Uint8Array;
  /** Signs with it. */
  sign: (hash: Uint8Array) => Uint8Array;
  /** nanoTON, cumulative, that claims can take from it; rises when it is topped up. */
  budget: bigint;
}

/** Where providers are found and channels are opened: the chain, with the client's wallet. */
export interface Market {
  /** All that can be bought from now: one model, one tier, each checked on chain. @throws CocoonError when nobody can be asked */
  offers(): Promise<Offer[]>;
  /** The channel with this provider that is open, or a new one. @throws CocoonError; no money is lost */
  channelWith(offer: Offer): Promise<MarketChannel>;
  /** Adds so many nanoTON to a channel, and raises its budget once the chain shows them. @throws CocoonError; GatewayError `gateway.channel-ending` where nothing more should go into it */
  topUp(channel: MarketChannel, nano: bigint): Promise<void>;
}
