import { Address } from '@ton/core';
import { RequestError } from '../errors';
import type { JobRecord } from '../store/jobStore';

/** @throws RequestError `request.address` */
export function parseAddress(text: string): Address {
  try {
    const address = Address.parse(decodeURIComponent(text));
    if (address.workChain !== 0) throw new Error('not basechain');
    return address;
  } catch {
    throw new RequestError(400, 'request.address', 'this is not the address of a job', {
      expected: 'a basechain address',
      received: text.slice(0, 80),
    });
  }
}

/** A signed answer is shown only when the chain has it too: before, and after a missed deadline, it is not paid for. */
export const isPublic = ({ state, address }: JobRecord, sent: ReadonlySet<string>): boolean =>
  state === 'delivered' || state === 'declined' || sent.has(address);

/** What is told of a job over HTTP. */
export function statusOf(job: JobRecord, sent: ReadonlySet<string>): object {
  const { address, state, deadline, reason, backend, adapter, millis, note } = job;
  return {
    address,
    state,
    deadline,
    reason,
    backend,
    adapter,
    millis,
    note,
    external: isPublic(job, sent) ? (job.external?.toString('base64') ?? null) : null,
  };
}
