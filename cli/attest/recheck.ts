import type { Address } from '@ton/core';
import { AttestedKey, ATTESTED_KEY_ERRORS, keyEnd, packRecheckKey, requiredAttestValue } from '../../wrappers';
import { readProvider } from '../../wrappers/discovery';
import { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { attestationRoot, historyOf } from '../client/registry';
import { loadWallet, payerOf } from '../client/wallet';
import type { Context } from '../context';
import { requireGenuine, sameBytes } from '../provider/account';
import { sendAndWait } from '../provider/send';
import { ATTEST_WORDS } from './reasons';
import { awaitStar } from './star';

export interface RecheckReport {
  workerKey: string;
  /** Nothing speaks against the key; null when it could not be told. */
  stands: boolean | null;
  reason: string;
  /** Unix seconds */
  endUnix: number;
}

/**
 * Anybody asks on chain whether what attested a key is still true; if not, the key ends at once (attacks 50).
 * @throws ChainStateError `chain.key-unknown`, `chain.attested-key-refused`
 */
export async function recheckKey({ settings, output, passphrase }: Context, stake: Address, workerKey: Buffer): Promise<RecheckReport> {
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await chain.checkNetwork(settings.networkId);
  const provider = await readProvider(historyOf(chain), stake);
  await requireGenuine(settings.networkId, provider);
  const { registry } = provider.status;
  const recordOf = async () => (await readProvider(historyOf(chain), stake)).keys.find((record) => sameBytes(record.workerKey, workerKey));
  const before = await recordOf();
  if (before === undefined || before.tier !== 1) {
    throw new ChainStateError('chain.key-unknown', 'this is not an attested key of the stake', { received: workerKey.toString('hex'), hint: 'cocoon provider status STAKE' });
  }
  const { apiTime } = await chain.getAccount(registry);
  if (keyEnd(before) <= apiTime) {
    return { workerKey: workerKey.toString('hex'), stands: false, reason: 'it ended before', endUnix: keyEnd(before) };
  }
  const key = await AttestedKey.fromScope({
    networkId: settings.networkId, registry, owner: provider.owner, stake, workerKey, root: await attestationRoot(chain, registry),
  });
  const wallet = payerOf(chain, loadWallet(settings.dataFolder, settings.networkId, passphrase()));
  const pollMillis = settings.network === 'devnet' ? 100 : 2_000;
  let queryId = 0n;
  const arrived = await sendAndWait({ chain, wallet, pollMillis }, {
    to: key.address, value: requiredAttestValue('recheck', await chain.networkPrices()) + 5_000_000n, what: 'the recheck',
    body: (id) => packRecheckKey((queryId = id)), receiver: { name: 'attested-key', errors: ATTESTED_KEY_ERRORS, hint: 'cocoon provider status STAKE' },
  });
  output.progress(`asked ${key.address.toRawString()}`);
  const end = await awaitStar({ chain, payer: wallet.address, pollMillis }, {
    queryId, since: arrived.now,
    changed: async () => {
      const after = await recordOf();
      return after !== undefined && keyEnd(after) < keyEnd(before) ? after : undefined;
    },
  });
  const name = workerKey.toString('hex');
  if (end !== null && 'record' in end) {
    return { workerKey: name, stands: false, reason: 'what attested it is no longer true: it ended', endUnix: keyEnd(end.record) };
  }
  const endUnix = keyEnd(before);
  if (end === null) return { workerKey: name, stands: null, reason: 'no answer yet', endUnix };
  return { workerKey: name, stands: end.judged.reason === 'fine' ? true : null, reason: ATTEST_WORDS[end.judged.reason], endUnix };
}
