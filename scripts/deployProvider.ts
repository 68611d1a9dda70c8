import { stakeAccountOf } from '../cli/provider/account';
import { makeClaim, readClaim, type ClaimFile } from '../cli/provider/claim';
import { parseEndpoint } from '../cli/provider/descriptor';
import { initStake } from '../cli/provider/init';
import { readPassphrase } from '../cli/config/resolve';
import { ConfigurationError } from '../cli/errors';
import { formatTon } from '../cli/output';
import { conclude } from './deploy/check';
import { requirePublished, script, type Deployment } from './deploy/deployment';
import { payerOf } from './deploy/payer';
import { checkStake } from './deploy/stake';

/**
 * `cocoon provider init` for an owner whose wallet Blueprint holds: stake, worker key, endpoint; what is done is
 * not sent again.
 * Parameters: registry, claim or workerFolder; optional: amount (the network's minimum), days (365), endpoint.
 */
export async function deployProvider(deployment: Deployment): Promise<void> {
  const { chain, output, parameters, print, settings } = deployment;
  const { amount, days = 365, endpoint } = parameters;
  const account = await stakeAccountOf(settings, chain, () => payerOf(deployment));
  requirePublished('ProviderStake', account.stake.init!.code);
  const options = { amount, days, endpoint: endpoint === undefined ? undefined : parseEndpoint(endpoint) };
  const report = await initStake(account, output, options, { claimFor: (place) => claimFor(deployment, place) });
  const sent = report.steps.reduce((sum, { sentNano }) => sum + sentNano, 0n);
  const now = `now; ${formatTon(sent)} sent, of which what is not used returned`;
  print('deployed', sent === 0n ? 'before: nothing is sent' : now);
  const findings = await checkStake(deployment, account.stake.address);
  conclude(deployment, 'ProviderStake', findings, `COCOON_STAKE=${report.stake}`);
}

export const run = script(deployProvider);

/** The worker key's proof that it belongs to this stake, from where the worker is. */
function claimFor({ parameters, settings }: Deployment, place: Parameters<typeof makeClaim>[2]): ClaimFile {
  const { claim, workerFolder } = parameters;
  if (claim !== undefined) return readClaim(claim, place);
  if (workerFolder !== undefined) return makeClaim(workerFolder, readPassphrase(settings, process.env), place);
  throw new ConfigurationError('config.parameter', "the worker key's claim is missing", {
    expected: 'COCOON_CLAIM=FILE, or COCOON_WORKER_FOLDER=FOLDER when the worker is on this machine',
    hint:
      `where the worker is: cocoon provider keys claim --network ${settings.network} ` +
      `--stake ${place.stake.toRawString()} --json > claim.json`,
  });
}
