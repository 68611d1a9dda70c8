import { registrationCell } from '../../attest/cells';
import { parseQuote } from '../../attest/quote';
import { SIMULATED_ROOT } from '../../attest/simulated/quote';
import {
  AttestedKey, ATTESTED_KEY_ERRORS, INTEL_ROOT, packAttestKey, QUOTE_ERRORS, requiredAttestValue, type NetworkPrices, type WorkerKeyRecord,
} from '../../wrappers';
import { ChainStateError } from '../../worker/errors';
import { ATTEST_WORDS } from '../attest/reasons';
import { awaitStar } from '../attest/star';
import { UsageError } from '../errors';
import { formatTon, type Output } from '../output';
import { hex, requireStake, sameBytes, type StakeAccount } from './account';
import { sendAndWait } from './send';
import type { QuoteFile } from './quote';

/** Rent of a new account, with room. */
const RENT_NANO = 20_000_000n;

/** What the owner attaches to a registration, nanoTON; most of it returns. */
export const attestValue = (prices: NetworkPrices): bigint => requiredAttestValue('attest', prices) + RENT_NANO;

/**
 * The owner registers a quote: its account verifies it, asks collateral and registry, and tells the stake. Returns the key as the
 * stake then has it. @throws ChainStateError `chain.attested-key-refused`, `chain.not-attested`
 */
export async function attestKey(account: StakeAccount, output: Output, file: QuoteFile): Promise<WorkerKeyRecord> {
  const { chain, networkId, registry, stake, wallet } = account;
  for (const [name, expected, received] of [
    ['network', networkId, file.networkId], ['registry', registry.toRawString(), file.registry], ['owner', wallet.address.toRawString(), file.owner],
  ]) {
    if (expected !== received) throw new UsageError('usage.quote', `the quote is for another ${name}`, { expected: String(expected), received: String(received) });
  }
  await requireStake(account);
  const workerKey = Buffer.from(file.workerKey, 'hex');
  const key = await AttestedKey.fromScope({
    networkId, registry, owner: wallet.address, stake: stake.address, workerKey, root: file.platform === 'tdx' ? INTEL_ROOT : SIMULATED_ROOT,
  });
  const quote = registrationCell(parseQuote(Buffer.from(file.quote, 'hex')));
  const value = attestValue(await chain.networkPrices());
  output.progress(`sends ${formatTon(value)} to ${key.address.toRawString()}, which verifies the quote; what is not used returns`);
  let queryId = 0n;
  const before = await recordOf(account, workerKey);
  const block = { seqno: file.blockSeqno, rootHash: Buffer.from(file.blockHash, 'hex') };
  const arrived = await sendAndWait({ chain, wallet, pollMillis: account.pollMillis }, {
    to: key.address, init: key.init, value, what: 'the quote',
    body: (id) => packAttestKey(Buffer.from(file.sealingKey, 'hex'), block, quote, (queryId = id)),
    receiver: { name: 'attested-key', errors: { ...QUOTE_ERRORS, ...ATTESTED_KEY_ERRORS }, hint: 'cocoon attest verify says more; a stale block needs a new quote' },
  });
  const end = await awaitStar({ chain, payer: wallet.address, pollMillis: account.pollMillis }, {
    queryId, since: arrived.now,
    changed: async () => {
      const after = await recordOf(account, workerKey);
      return after !== undefined && after.endUnix > (before?.endUnix ?? 0) ? after : undefined;
    },
  });
  if (end === null) {
    throw new ChainStateError('chain.no-effect', 'the star of messages has not ended yet', { received: key.address.toRawString(), hint: 'cocoon provider keys list' });
  }
  if ('record' in end) return end.record;
  const { reason, tcbStatus } = end.judged;
  throw new ChainStateError('chain.not-attested', 'the key was not attested, and its money returned', {
    received: `${ATTEST_WORDS[reason]}${tcbStatus === 'none' ? '' : ` (${tcbStatus})`}`,
    hint: reason === 'collateral-missing' || reason === 'collateral-expired' ? 'cocoon attest collateral posts it' : undefined,
  });
}

async function recordOf(account: StakeAccount, workerKey: Buffer): Promise<WorkerKeyRecord | undefined> {
  const { keys } = await requireStake(account);
  return keys.find((record) => sameBytes(record.workerKey, workerKey));
}

export const describeAttested = (record: WorkerKeyRecord, isSimulated: boolean): string =>
  `${hex(record.workerKey)} is attested${isSimulated ? ' by a SIMULATED platform, which proves nothing' : ''} until ${new Date(1000 * record.endUnix).toISOString()}`;
