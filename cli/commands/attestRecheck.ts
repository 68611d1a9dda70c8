import { Command } from 'commander';
import { contextOf, withSettings } from '../context';
import { linesOf } from '../output';
import { parseKey } from '../provider/account';
import { parseBasechain } from './providerKeys';

/** `cocoon attest recheck`: anybody ends a key whose image, certificate or platform was revoked. */
export function recheckCommand(): Command {
  return withSettings(new Command('recheck'))
    .description('ask on chain whether what attested a key is still true; if not, the key ends at once')
    .argument('<stake>', 'stake of the provider')
    .argument('<key>', 'worker key, 64 hex digits')
    .action(async (stake: string, key: string, options: Record<string, unknown>) => {
      const context = contextOf(options);
      const { recheckKey } = await import('../attest/recheck');
      const report = await recheckKey(context, parseBasechain(stake, 'a stake'), parseKey(key));
      context.output.result(report, linesOf(report));
    });
}
