/** What the chain shows of a channel of this client. Times in Unix seconds. */
export interface ChannelOnChain {
  phase: 'absent' | 'open' | 'closing' | 'ended';
  /** nanoTON */
  balance: bigint;
  /** From when the provider serves nothing more: closeDelay before the expiry. */
  servedUntil: number;
  expiry: number;
}

/** What this client knows of it. */
export interface ChannelUse {
  /** When money for it was sent. */
  openedAt: number;
  lastUsed: number;
  /** When the provider was asked to close it; null when it was not. */
  finishedAt: number | null;
}

export interface LifeRules {
  /** Unused for so long, a channel is closed, seconds. */
  idleSeconds: number;
}

/**
 * - `keep`: nothing to do
 * - `finish`: the last voucher goes to the provider, which closes the channel when it claims
 * - `close`: the client's wallet starts the end itself: the provider did not
 * - `collect`: the end has come; what is left comes back
 * - `forget`: there is no money in it any more
 */
export type NextStep = 'keep' | 'finish' | 'close' | 'collect' | 'forget';

/** A channel that no API shows after so long never got its money: its wallet's message was void long ago. */
export const ARRIVAL_SECONDS = 86_400;
/** Time for a provider that was asked to close to claim. */
export const CLAIM_SECONDS = 600;
/** A channel that is served for less than this is not worth keeping. */
const LAST_SECONDS = 3_600;
/** Less is not worth the fee of fetching it, nanoTON. */
export const WORTH_COLLECTING = 5_000_000n;

/** What a client does about one of its channels; it ends with the money back, whatever the provider does. */
export function nextStep({ phase, balance, servedUntil, expiry }: ChannelOnChain, use: ChannelUse, { idleSeconds }: LifeRules, now: number): NextStep {
  switch (phase) {
    case 'absent':
      return now > Math.min(expiry, use.openedAt + ARRIVAL_SECONDS) ? 'forget' : 'keep';
    case 'ended':
      return balance >= WORTH_COLLECTING ? 'collect' : 'forget';
    case 'closing':
      return 'keep';
    case 'open':
      if (use.finishedAt !== null) return now > use.finishedAt + CLAIM_SECONDS ? 'close' : 'keep';
      return now > use.lastUsed + idleSeconds || now > servedUntil - LAST_SECONDS ? 'finish' : 'keep';
  }
}
