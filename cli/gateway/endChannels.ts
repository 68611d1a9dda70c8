import { toHex } from '../../protocol';
import type { ChannelOnChain } from '../../gateway/market/channelLife';
import type { ChannelAccounts, OwnChannel } from '../../gateway/market/channelKeeper';

/** A channel, and what the chain shows of it. */
export interface SeenChannel {
  own: OwnChannel;
  onChain: Pick<ChannelOnChain, 'phase' | 'balance'>;
}

/**
 * Starts the end of channels from the client's wallet, or fetches what is left in those that have ended: each, whatever became of the others.
 * @throws the first error, once all were tried
 */
export async function endChannels(accounts: Pick<ChannelAccounts, 'retire' | 'close'>, chosen: readonly SeenChannel[], progress: (line: string) => void): Promise<void> {
  const errors: unknown[] = [];
  for (const { own, onChain: { phase, balance } } of chosen) {
    if (phase === 'absent' || phase === 'closing' || balance === 0n) continue;
    const address = `0:${toHex(own.address)}`;
    try {
      if (own.finishedAt === null) accounts.retire(own);
      await accounts.close(own);
      progress(phase === 'ended' ? `fetched what was left in ${address}` : `the end of ${address} has begun; run this again when it has come`);
    } catch (error) {
      errors.push(error);
      progress(`${address} could not be ended: ${String(error)}`);
    }
  }
  if (errors.length > 0) throw errors[0];
}
