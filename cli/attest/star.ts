import type { Address } from '@ton/core';
import { parseKeyJudged } from '../../wrappers';
import { sleep, type ChainClient } from '../../worker/chain/chainClient';

/** How long the star of messages may take. */
const STAR_SECONDS = 120;

type KeyJudged = NonNullable<ReturnType<typeof parseKeyJudged>>;

/** How a star ended: the stake's record of the key changed, or the key's account told the payer why it did not. */
export type StarEnd<T> = { record: T } | { judged: KeyJudged };

/**
 * Waits for the end of the star of messages that this payer's message began.
 * @param since Unix seconds at which the message arrived
 * @param changed the record once it has changed; undefined before
 * @returns null when nothing was heard in time
 */
export async function awaitStar<T>(
  { chain, payer, pollMillis }: { chain: ChainClient; payer: Address; pollMillis: number },
  { queryId, since, changed }: { queryId: bigint; since: number; changed: () => Promise<T | undefined> },
): Promise<StarEnd<T> | null> {
  for (;;) {
    const record = await changed();
    if (record !== undefined) return { record };
    const told = await chain.findTransaction(payer, since - 60, ({ inMessage }) =>
      inMessage != null && parseKeyJudged(inMessage.body)?.queryId === queryId);
    if (told?.inMessage != null) return { judged: parseKeyJudged(told.inMessage.body)! };
    if ((await chain.getAccount(payer)).apiTime > since + STAR_SECONDS) return null;
    await sleep(pollMillis);
  }
}
