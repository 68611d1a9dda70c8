import { beginCell } from '@ton/core';
import { registryOf } from '../cli/client/registry';
import { dateOf } from '../cli/provider/account';
import { sendAndWait } from '../cli/provider/send';
import { type BountyConfig, BOUNTY_ERRORS, JudgedBounty, OP_FUND } from '../examples/bounty/JudgedBounty';
import { ChainStateError } from '../worker/errors';
import { checkBounty, judgeOffer } from './deploy/bounty';
import { conclude } from './deploy/check';
import { requirePublished, script, type Deployment } from './deploy/deployment';
import { payerOf } from './deploy/payer';
import { required } from './deploy/parameters';

/** Becomes the bounty, less five years of rent. */
const FUND_NANO = 2_000_000_000n;

/**
 * Deploys and funds the example dApp, unless it is there, and checks it. Parameters: registry, provider (owner of the
 * stake), payout, workerKey, price, winningToken; optional: modelRoot and stopToken (of the shipped model), maxTokens
 * (1), fund (2). All but fund make the address.
 */
export async function deployBounty(deployment: Deployment): Promise<void> {
  const { chain, parameters, pollMillis, print } = deployment;
  const wallet = payerOf(deployment);
  const config = await configOf(deployment, wallet.address);
  const bounty = await JudgedBounty.fromConfig(config);
  requirePublished('JudgedBounty', bounty.init!.code);
  const seqno = await wallet.seqno();
  if ((await chain.getAccount(bounty.address)).state === 'active') {
    print('deployed', 'before: nothing is sent');
  } else {
    const { faults } = await judgeOffer(deployment, config);
    if (faults.length > 0) {
      throw new ChainStateError('chain.provider-not-ready', 'the provider could not answer: nothing is sent', {
        received: faults.join('; '),
        hint: 'cocoon provider list',
      });
    }
    const { now } = await sendAndWait(
      { chain, wallet, pollMillis },
      {
        what: 'deployment of the bounty',
        to: bounty.address,
        value: parameters.fund ?? FUND_NANO,
        body: () => beginCell().storeUint(OP_FUND, 32).endCell(),
        init: bounty.init,
        seqno,
        receiver: { name: 'bounty', errors: BOUNTY_ERRORS, hint: 'give it more: COCOON_FUND' },
      },
    );
    print('deployed', `now, ${dateOf(now)}`);
  }
  const findings = await checkBounty(deployment, bounty.address);
  conclude(deployment, 'JudgedBounty', findings, `COCOON_BOUNTY=${bounty.address.toRawString()}`);
}

export const run = script(deployBounty);

async function configOf({ parameters, settings }: Deployment, sponsor: BountyConfig['sponsor']): Promise<BountyConfig> {
  const given = required(parameters, ['provider', 'payout', 'workerKey', 'price', 'winningToken']);
  const { provider, payout, workerKey, price, winningToken } = given;
  let { modelRoot, stopToken } = parameters;
  if (modelRoot === undefined || stopToken === undefined) {
    const { openModel } = await import('../worker/engine');
    const { model, stopTokens } = openModel(settings.model);
    modelRoot ??= Buffer.from(model.modelRoot);
    stopToken ??= stopTokens[0];
  }
  const { networkId } = settings;
  const registry = await registryOf(settings);
  const { maxTokens = 1 } = parameters;
  const asked = { provider, payout, workerKey, price, winningToken };
  return { networkId, registry, sponsor, ...asked, modelRoot, maxTokens, ...required({ stopToken }, ['stopToken']) };
}
