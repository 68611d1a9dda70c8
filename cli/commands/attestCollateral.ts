import { Command } from 'commander';
import { ChainStateError } from '../../worker/errors';
import { contextOf, withSettings } from '../context';
import { parseNumber } from '../numbers';

const DAY = 86_400;

/** `cocoon attest collateral`: posts what is newer than on chain, or warns when what is there ends soon. */
export function collateralCommand(): Command {
  return withSettings(new Command('collateral'), ['registry'])
    .description('post Intel\'s collateral from a folder of JSON documents; with --check only look, and fail when it ends soon')
    .requiredOption('--from <folder>', 'documents with tcb_info, qe_identity, root_ca_crl, pck_crl, their signatures and chains')
    .option('--check', 'post nothing; an error when an account is missing or ends within --days')
    .option('--days <n>', 'with --check: days before the end from which it warns', '7')
    .action(async (options: Record<string, unknown>) => {
      const context = contextOf(options);
      const days = parseNumber('--days', String(options.days), 0, 365, true);
      const { refreshCollateral } = await import('../attest/collateral');
      const reports = await refreshCollateral(context, String(options.from), options.check === true);
      const line = ({ fmspc, ca, posted, refused, validUntil }: (typeof reports)[number]): string =>
        `${fmspc} ${ca}: ${validUntil === null ? 'incomplete' : `holds until ${new Date(1000 * validUntil).toISOString()}`}; posted ${posted.join(', ') || 'nothing'}${refused.length ? `; refused ${refused.join('; ')}` : ''}`;
      const late = reports.filter(({ validUntil }) => validUntil === null || validUntil < Date.now() / 1000 + days * DAY);
      if (options.check === true && late.length > 0) {
        throw new ChainStateError('chain.collateral-ends', 'collateral on chain is missing or ends soon', {
          expected: `all of it for ${days} more days`, received: late.map(line).join('; '), hint: 'cocoon attest collateral --from FOLDER with newer documents',
        });
      }
      context.output.result(reports, reports.map(line).join('\n') || 'no documents');
    });
}
