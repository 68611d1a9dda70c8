/**
 * What the parts of the page say to each other. Bytes are lowercase hex, amounts bigint nanoTON, times Unix seconds, accounts
 * their 32-byte basechain hashes in hex, unless a name says otherwise.
 */
import type { ReceiptFile, Welcome } from '../../protocol';
import type { MessageKey } from './i18n';

/** A text of the page in whichever language is shown. */
export interface Text {
  key: MessageKey;
  params?: Readonly<Record<string, string>>;
}

/** Something went wrong: `code` is stable, `text` says what was expected, what came and what to do. */
export interface Problem {
  code: string;
  text: Text;
}

/* ---- Where the page is: /config.json of its own origin ---- */

export interface PageConfig {
  network: 'mainnet' | 'testnet' | 'devnet';
  networkId: number;
  /** AttestationRegistry whose providers are listed. */
  registry: string;
  /** http(s) origin of `cocoon gateway --relay`. */
  relay: string;
  /** Two toncenter v2 APIs (base URL, before /getAddressInformation) of different operators; what both say alike counts. */
  apis: readonly [ChainApiEntry, ChainApiEntry];
  models: readonly ModelEntry[];
  /** Which root ends the chain of certificates of a quote; `simulated` is a root of tests, never green. */
  quoteRoot: 'intel' | 'simulated';
  /** tonconnect-manifest.json of this page, absolute. */
  manifestUrl: string;
  wallets: readonly WalletEntry[];
  /** t.me link back into the Mini App after a wallet, where there is one. */
  returnUrl?: string;
  /** Whether the page takes payment inside Telegram; where not, it sends its user to a browser. */
  payInTelegram: boolean;
  /** nanoTON that a channel is opened with unless the user says otherwise, decimal. */
  deposit: string;
}

export interface ChainApiEntry {
  /** As the user is told it: its operator. */
  name: string;
  url: string;
}

export interface ModelEntry {
  /** Model root, hex. */
  root: string;
  name: string;
  /** Path of its tokenizer on this origin (JSON of miniapp/host/modelPart.ts); checked against the root. */
  tokenizer: string;
}

export interface WalletEntry {
  id: string;
  name: string;
  /** HTTP bridge of TON Connect. */
  bridgeUrl: string;
  universalLink: string;
}

/* ---- Claims ---- */

/** Unknown is never a pass. */
export type ClaimStatus = 'asserted' | 'refuted' | 'unknown';

/** By what a claim is known; ACI's words, and what the chain adds. */
export type ClaimSource =
  /** Intel's keys signed it. */
  | 'hardware-proven'
  /** This page computed it. */
  | 'verifier-derived'
  /** Two chain APIs said the same of one state. */
  | 'chain-agreed'
  /** One chain API said so. */
  | 'one-api'
  | 'provider-asserted'
  /** Whoever runs the relay or this page's host. */
  | 'operator-asserted';

export const PROVIDER_CLAIMS = [
  'stake-address', 'stake-active', 'key-listed', 'key-current', 'descriptor', 'channel-code', 'model-listed', 'image-in-force',
  'quote-signature', 'quote-certificates', 'quote-body', 'quote-keys', 'tcb', 'hardware', 'never-slashed', 'weights',
] as const;
export const MESSAGE_CLAIMS = [
  'request-bound', 'receipt-signed', 'answer-bound', 'stream-whole', 'amount-due', 'key-then', 'provider-unslashed', 'recomputed',
] as const;
export type ClaimId = (typeof PROVIDER_CLAIMS)[number] | (typeof MESSAGE_CLAIMS)[number];

export interface Claim {
  id: ClaimId;
  status: ClaimStatus;
  source: ClaimSource;
  reason: Text;
}

/** What the badge says. Only `proven` is green; `test-hardware` and `bonded` are amber, `unknown` grey, `refuted` red. */
export type VerdictLevel = 'proven' | 'test-hardware' | 'bonded' | 'unknown' | 'refuted';

export interface Verdict {
  level: VerdictLevel;
  /** Every required claim is asserted; else nothing is sealed. */
  canSend: boolean;
  /** Required claims that are not asserted. */
  missing: readonly ClaimId[];
}

/* ---- Providers, channels, messages ---- */

export type TierName = 'bonded' | 'attested';

/** What is needed to open a channel and to ask: from the chain, but for prices and limits, which the descriptor says. */
export interface Offer {
  stake: string;
  owner: string;
  tier: TierName;
  workerKey: string;
  sealingKey: string;
  imageHash: string;
  /** Root of the model that is asked for. */
  modelRoot: string;
  /** nanoTON per million tokens. */
  promptPrice: bigint;
  outputPrice: bigint;
  maxTokens: number;
  contextTokens: number;
  payout: string;
  claimKey: string;
  /** Seconds. */
  closeDelay: number;
  /** Path of the channel's WebSocket at the relay. */
  channelPath: string;
}

export interface ProviderView {
  stake: string;
  /** null where the descriptor has no offer of a model that this page knows. */
  offer: Offer | null;
  stakeActive: bigint;
  slashed: bigint;
  /** Convictions and promises that were not kept. */
  faults: number;
  keyEnd: number;
  /** Unix seconds of the oldest state that its claims rest on. */
  checkedAt: number;
  claims: readonly Claim[];
  verdict: Verdict;
}

export type ChannelPhase = 'opening' | 'open' | 'ending' | 'closing' | 'ended';

export interface ChannelView {
  address: string;
  stake: string;
  phase: ChannelPhase;
  /** nanoTON that went in. */
  deposit: bigint;
  /** Paid to the provider on chain. */
  claimed: bigint;
  /** Newest voucher, cumulative: `claimed` included. */
  signed: bigint;
  /** What would come back if it ended now. */
  refundable: bigint;
  expiry: number;
  /** From then on the provider claims no more; the expiry unless it closes. */
  endsAt: number;
  /** Whether this browser has its voucher key. */
  hasKey: boolean;
}

export type MessageState = 'streaming' | 'whole' | 'incomplete' | 'failed';

export interface MessageView {
  id: string;
  /** Unix seconds. */
  at: number;
  stake: string;
  modelName: string;
  prompt: string;
  answer: string;
  state: MessageState;
  promptTokens: number;
  outputTokens: number;
  /** nanoTON that are due for it so far. */
  cost: bigint;
  /** nanoTON that it may cost at most. */
  most: bigint;
  claims: readonly Claim[];
  verdict: Verdict;
  problem?: Problem;
  canExport: boolean;
  /** It was cut, and can go on where it stopped. */
  canResume: boolean;
}

export interface WalletView {
  state: 'none' | 'connecting' | 'connected';
  name?: string;
  account?: string;
  /** While connecting: what to open or show as QR text. */
  link?: string;
  /** A transaction waits in the wallet. */
  isAsked: boolean;
}

export interface Estimate {
  promptTokens: number;
  most: bigint;
}

/* ---- Between the chain, a channel and a conversation ---- */

/** What two APIs said of one state of the chain. */
export type Reading<T> =
  | { agreement: 'both'; value: T }
  /** The other one did not answer. */
  | { agreement: 'one'; value: T; name: string; silent: string; problem: string }
  /** They contradict each other, or neither answers; nothing counts. */
  | { agreement: 'none'; says: readonly { name: string; said: string }[] };

/** Pinned parameters of a PaymentChannel: with its code its address (wrappers/PaymentChannel.ts). */
export interface ChannelTerms {
  networkId: number;
  client: string;
  clientKey: string;
  stake: string;
  payout: string;
  claimKey: string;
  closeDelay: number;
  expiry: number;
}

export interface SignedVoucher {
  amount: bigint;
  final: boolean;
  signature: Uint8Array;
}

/**
 * The money of one channel in this browser. Numbers and amounts are on disk before a promise resolves; nothing that could leave
 * is signed before. One request runs at a time.
 */
export interface Purse {
  readonly address: string;
  readonly terms: ChannelTerms;
  /** nanoTON, cumulative: newest voucher, what is owed, and what may be signed for at most. */
  position(): { vouched: bigint; owed: bigint; budget: bigint };
  /** Number of the next request. */
  nextSeq(): number;
  /** A new request, whose first piece is prepaid. @throws when `most` does not fit what the channel holds */
  begin(first: bigint, most: bigint): Promise<{ seq: number; voucher: SignedVoucher }>;
  /** A request that ended as lost goes on under its number, after its worker was greeted: `ahead` prepaid, `most` may still be due. @throws as `begin` */
  resume(ahead: bigint, most: bigint): Promise<SignedVoucher>;
  /** A piece was accepted: `more` is due, and `ahead` prepaid from now on. */
  pay(more: bigint, ahead: bigint): Promise<SignedVoucher>;
  /**
   * The request is over; `lost` where nobody knows what the worker still delivered. `left` is the highest voucher of it that was sent, null where it was never asked:
   * what was signed beyond is taken back. All of it may have left where `left` is not told.
   */
  end(lost: boolean, left?: bigint | null): Promise<void>;
  /** What a worker says when it is greeted, within the bounds of docs/channel-protocol.md. @throws where it lies */
  believe(welcome: Welcome): Promise<void>;
  /** The last voucher: everything owed, final. */
  final(): Promise<SignedVoucher>;
  /** Ed25519 by the channel's key, which cannot be extracted. */
  sign(hash: Uint8Array): Promise<Uint8Array>;
}

/** Text to tokens and back for one model, checked against its root. */
export interface PageTokenizer {
  readonly modelRoot: string;
  /** Tokens of a prompt, special ones as the model wants them. @throws for what it does not take */
  encode(prompt: string): number[];
  /** Text of an answer's tokens, end tokens left out. */
  decode(tokens: readonly number[]): string;
  readonly stopTokens: readonly number[];
  /** What terms name; exact arithmetic where unset. */
  readonly semantics?: number;
}

/** An answer as it lies in memory: never on disk, for it is as secret as the prompt. */
export interface HeldAnswer {
  id: string;
  at: number;
  offer: Offer;
  modelName: string;
  prompt: string;
  /** As shown. */
  answer: string;
  state: MessageState;
  /** Request, pieces with their receipts, and the tokens shown (protocol/receiptFile.ts); null before the first piece. */
  file: ReceiptFile | null;
  promptTokens: number;
  outputTokens: number;
  cost: bigint;
  most: bigint;
  problem?: Problem;
}

/* ---- The page as its views see it ---- */

export interface AppState {
  /** The user has let the page talk to relay and chain; before that it asks nobody but its own origin. */
  isStarted: boolean;
  config: PageConfig | null;
  problem: Problem | null;
  /** null while they are being read. */
  providers: readonly ProviderView[] | null;
  chosen: string | null;
  wallet: WalletView;
  channel: ChannelView | null;
  /** Channels of this wallet that the chain shows and whose key is not here. */
  lost: readonly ChannelView[];
  messages: readonly MessageView[];
}

/** Everything that a view can ask for. A rejected promise has become `problem`, or a message's own. */
export interface App {
  state(): AppState;
  subscribe(listener: () => void): () => void;
  refresh(): Promise<void>;
  choose(stake: string): void;
  /** Begins in the tap: the link is there at once (iOS opens links only synchronously). */
  connect(walletId: string): string;
  disconnect(): Promise<void>;
  openChannel(deposit: bigint): Promise<void>;
  closeChannel(): Promise<void>;
  /** Asks the wallet to end a channel whose key is lost, or one that its provider does not end. */
  recover(address: string): Promise<void>;
  estimate(prompt: string): Promise<Estimate>;
  send(prompt: string): Promise<void>;
  /** Goes on with an answer that was cut: what came before is not paid again. */
  resume(messageId: string): Promise<void>;
  stop(): void;
  /** JSON of a receipt file. */
  receipt(messageId: string): string;
  /** Checks a receipt file of anybody's; it is shown as a message that was not asked here. */
  openReceipt(text: string): Promise<void>;
  /** Judges a message again by what the screen shows. */
  recheck(messageId: string, shown: { prompt: string; answer: string }): Promise<void>;
  dismiss(): void;
}
