import { Tier, type TierValue } from '../../protocol';
import { UsageError } from '../errors';

/** A tier from a flag. @throws UsageError `usage.tier` */
export function tierOf(text: string): TierValue {
  if (text === 'bonded' || text === 'attested') return Tier[text];
  throw new UsageError('usage.tier', 'there is no such tier', { expected: 'bonded or attested', received: text.slice(0, 20) });
}
