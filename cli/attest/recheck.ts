import type { Address } from '@ton/core';
import { SIMULATED_ROOT } from '../../attest/simulated/quote';
import {
  AttestationRegistry, AttestedKey, ATTESTED_KEY_ERRORS, INTEL_ROOT, keyEnd, packRecheckKey, parseKeyJudged, requiredAttestValue,
} from '../../wrappers';
import { readProvider } from '../../wrappers/discovery';
import { ChainClient, sleep } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { historyOf } from '../client/registry';
import { loadWallet, payerOf } from '../client/wallet';
import type { Context } from '../context';
import { requireGenuine, sameBytes } from '../provider/account';
import { sendAndWait } from '../provider/send';
import { ATTEST_WORDS } from './reasons';

export interface RecheckReport {
  workerKey: string;
  /** Nothing speaks against the key, or it could not be told. */
  stands: boolean;
  reason: string;
  /** Unix seconds */
  endUnix: number;
}

const RECHECK_SECONDS = 120;

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
  const isSimulated = await chain.query((ton) => ton.open(AttestationRegistry.fromAddress(registry)).getIsSimulated());
  const key = await AttestedKey.fromScope({
    networkId: settings.networkId, registry, owner: provider.owner, stake, workerKey, root: isSimulated ? SIMULATED_ROOT : INTEL_ROOT,
  });
  const wallet = payerOf(chain, loadWallet(settings.dataFolder, settings.networkId, passphrase()));
  const pollMillis = settings.network === 'devnet' ? 100 : 2_000;
  let queryId = 0n;
  const arrived = await sendAndWait({ chain, wallet, pollMillis }, {
    to: key.address, value: requiredAttestValue('recheck', await chain.networkPrices()) + 5_000_000n, what: 'the recheck',
    body: (id) => packRecheckKey((queryId = id)), receiver: { name: 'attested-key', errors: ATTESTED_KEY_ERRORS, hint: 'cocoon provider status STAKE' },
  });
  output.progress(`asked ${key.address.toRawString()}`);
  const name = workerKey.toString('hex');
  for (;;) {
    const after = await recordOf();
    if (after !== undefined && keyEnd(after) < keyEnd(before)) {
      return { workerKey: name, stands: false, reason: 'what attested it is no longer true: it ended', endUnix: keyEnd(after) };
    }
    const told = await chain.findTransaction(wallet.address, arrived.now - 60, ({ inMessage }) =>
      inMessage != null && parseKeyJudged(inMessage.body)?.queryId === queryId);
    if (told?.inMessage != null) return { workerKey: name, stands: true, reason: ATTEST_WORDS[parseKeyJudged(told.inMessage.body)!.reason], endUnix: keyEnd(before) };
    if ((await chain.getAccount(wallet.address)).apiTime > arrived.now + RECHECK_SECONDS) {
      return { workerKey: name, stands: true, reason: 'no answer yet; a key that had ended before ends no second time', endUnix: keyEnd(before) };
    }
    await sleep(pollMillis);
  }
}
