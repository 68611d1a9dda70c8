import type { Address } from '@ton/core';
import { ChainApiError } from '../../worker/errors';

/** What a running devnet says of itself. @throws ChainApiError */
export async function devnetInfo(api: string): Promise<{ registry: string | null }> {
  const { registry } = (await callDevnet(api, 'info')) as { registry?: unknown };
  return { registry: typeof registry === 'string' ? registry : null };
}

/** Sends coins of a running devnet. @throws ChainApiError */
export function requestFaucet(api: string, address: Address, amountNano: bigint): Promise<unknown> {
  return callDevnet(api, 'faucet', { address: address.toRawString(), amountNano: amountNano.toString() });
}

/** Moves the clock of a running devnet. @throws ChainApiError */
export function advanceDevnet(api: string, seconds: number): Promise<unknown> {
  return callDevnet(api, 'advance', { seconds });
}

async function callDevnet(api: string, call: string, body?: object): Promise<unknown> {
  const url = new URL(`/devnet/${call}`, api);
  let reply: { ok?: boolean; result?: unknown; error?: string };
  try {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    reply = (await response.json()) as typeof reply;
  } catch (cause) {
    throw new ChainApiError('network.unreachable', 'cannot reach the devnet', {
      received: url.origin,
      hint: 'start one: cocoon devnet',
      cause,
    });
  }
  if (reply.ok !== true) {
    throw new ChainApiError('network.answer', 'the devnet refused', { received: String(reply.error).slice(0, 200) });
  }
  return reply.result;
}
