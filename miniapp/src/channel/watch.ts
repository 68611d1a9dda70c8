import { PageError } from '../pageError';
import { walletError } from '../wallet/errors';
import { addressOf, ARRIVAL_SECONDS, type ChannelOnChain, type LifeParts, pause, whyNot } from './life';

/** When an answer of the wallet does not say whether anything comes. */
const UNSURE = new Set(['wallet.expired', 'wallet.bridge']);

/** What the wallet said at the end; it never changes its word. */
export const isRefusal = (error: unknown): boolean => error instanceof PageError && /^wallet\.(rejected|failed|asked|notConnected)$/.test(error.code);

/**
 * Looks at a channel until both APIs show what was asked for: whatever the wallet says of it or does not say, the chain knows.
 * @param until Unix seconds; sooner once the wallet has answered
 * @param answer of the wallet
 * @throws what the wallet said, if nothing came; PageError `wallet.notSeen`, `wallet.disagree`, `wallet.silentApis`
 */
export async function watch<T extends ChannelOnChain | null>(
  parts: LifeParts, address: string, isDone: (seen: ChannelOnChain | null) => seen is T, until: number, answer: Promise<unknown> = new Promise(() => undefined),
): Promise<T> {
  let said: { error: unknown } | null = null;
  const heard = answer.then(
    () => (said = { error: null }),
    (error: unknown) => (said = { error }),
  );
  for (let last = until; ; ) {
    // What the wallet said before this look.
    const before = said as { error: unknown } | null;
    const reading = await parts.pair.channel(address);
    if (reading.agreement === 'both' && isDone(reading.value)) return reading.value;
    const error = before?.error ?? null;
    if (error !== null && !UNSURE.has((error as { code?: string }).code ?? '')) throw error;
    if (parts.now() >= last) throw error ?? (reading.agreement === 'both' ? walletError('wallet.notSeen') : whyNot(reading, addressOf(address, parts.config)));
    if (before !== null) await pause(parts);
    else if ((await Promise.race([pause(parts), heard])) !== undefined) last = Math.min(until, parts.now() + ARRIVAL_SECONDS);
  }
}
