import { type Address, type Cell, type Message, toNano } from '@ton/core';
import type { Blockchain, SendMessageResult } from '@ton/sandbox';
import { parseTryResult, type TryResult } from '../../examples/bounty/JudgedBounty';

/** How tries ended: whom the bounty told what, and with how much money. */
export function resultsIn({ transactions }: SendMessageResult): (TryResult & { to: string; value: bigint })[] {
  return transactions.flatMap(({ inMessage }) => {
    const result = parseTryResult(inMessage!.body);
    if (!result || inMessage!.info.type !== 'internal') return [];
    return [{ ...result, to: inMessage!.info.dest.toString(), value: inMessage!.info.value.coins }];
  });
}

export function forgedMessage(
  from: Address,
  to: Address,
  body: Cell,
  options: { value?: bigint; bounced?: boolean } = {},
): Message {
  const { value = toNano('0.1'), bounced = false } = options;
  const flags = { type: 'internal' as const, ihrDisabled: true, bounce: false, bounced };
  const money = { value: { coins: value }, ihrFee: 0n, forwardFee: 0n, createdLt: 0n, createdAt: 0 };
  return { info: { ...flags, src: from, dest: to, ...money }, body };
}

/** Has a consumer handle a message so many times, and nothing of what follows: takes its slots quickly. */
export async function takeSlots(
  chain: Blockchain,
  count: number,
  sent: { from: Address; to: Address; body: Cell; value: bigint },
): Promise<void> {
  const consumer = await chain.getContract(sent.to);
  for (let slot = 0; slot < count; slot++) {
    await consumer.receiveMessage(forgedMessage(sent.from, sent.to, sent.body, { value: sent.value }));
  }
}
