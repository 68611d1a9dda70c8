import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { ChainStateError } from '../../worker/errors';
import type { Source } from '../attest/collateral';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { parseNumber } from '../numbers';

const DAY = 86_400;

/** `cocoon attest collateral`: posts what is newer than on chain, or warns when what is there ends soon. */
export function collateralCommand(): Command {
  return withSettings(new Command('collateral'), ['registry'])
    .description('post Intel\'s collateral, from Intel\'s service or a folder; with --check only look, and fail when it ends soon')
    .option('--from <folder>', 'documents with tcb_info, qe_identity, root_ca_crl, pck_crl, their signatures and chains')
    .option('--quote <file>', 'fetch it for the platform of this quote: raw, or from provider keys quote')
    .option('--fmspc <hex>', 'fetch it for platforms of this FMSPC')
    .option('--ca <name>', 'with --fmspc: the CA of the platforms\' certificates, platform or processor', 'platform')
    .option('--pcs <url>', 'the service: Intel\'s, or a caching one (PCCS); default: Intel\'s')
    .option('--check', 'post nothing; an error when an account is missing or ends within --days')
    .option('--days <n>', 'with --check: days before the end from which it warns', '7')
    .action(async (options: Record<string, unknown>) => {
      const context = contextOf(options);
      const days = parseNumber('--days', String(options.days), 0, 365, true);
      const { refreshCollateral } = await import('../attest/collateral');
      const reports = await refreshCollateral(context, await sourcesOf(options), options.check === true);
      const line = ({ fmspc, ca, posted, refused, validUntil }: (typeof reports)[number]): string =>
        `${fmspc} ${ca}: ${validUntil === null ? 'incomplete' : `holds until ${new Date(1000 * validUntil).toISOString()}`}; posted ${posted.join(', ') || 'nothing'}${refused.length ? `; refused ${refused.join('; ')}` : ''}`;
      const late = reports.filter(({ validUntil }) => validUntil === null || validUntil < Date.now() / 1000 + days * DAY);
      if (options.check === true && late.length > 0) {
        throw new ChainStateError('chain.collateral-ends', 'collateral on chain is missing or ends soon', {
          expected: `all of it for ${days} more days`, received: late.map(line).join('; '), hint: 'the same command without --check posts what is newer',
        });
      }
      context.output.result(reports, reports.map(line).join('\n') || 'no documents');
    });
}

/** @throws UsageError `usage.collateral` unless exactly one place is named, `usage.fmspc`, `usage.ca` */
async function sourcesOf({ from, quote, fmspc, ca, pcs }: Record<string, unknown>): Promise<Source[]> {
  const places = [from, quote, fmspc].filter((place) => place !== undefined);
  if (places.length !== 1) {
    throw new UsageError('usage.collateral', 'say where the collateral comes from', {
      expected: 'one of --from FOLDER, --quote FILE and --fmspc HEX', received: `${places.length} of them`,
    });
  }
  if (from !== undefined) return (await import('../attest/collateralFolder')).sourcesIn(String(from));
  const { fetchCollateral, INTEL_PCS } = await import('../../attest/pcs');
  const { platformKindOf } = await import('../attest/platformKind');
  const kind = quote === undefined ? { fmspc: fmspcOf(String(fmspc)), ca: caOf(String(ca)) } : platformKindOf(read(String(quote)));
  const service = pcs === undefined ? INTEL_PCS : String(pcs);
  return [{ name: `${kind.fmspc} from ${service}`, documents: await fetchCollateral(kind, service) }];
}

function fmspcOf(text: string): string {
  if (/^[0-9a-fA-F]{12}$/.test(text)) return text.toLowerCase();
  throw new UsageError('usage.fmspc', 'this is no FMSPC', { expected: '12 hexadecimal digits', received: text, hint: 'cocoon attest verify FILE --chain-only prints that of a quote' });
}

function caOf(text: string): 'platform' | 'processor' {
  if (text === 'platform' || text === 'processor') return text;
  throw new UsageError('usage.ca', 'there is no such CA', { expected: 'platform or processor', received: text });
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UsageError('usage.quote', 'the quote cannot be read', { expected: 'a file', received: (cause as NodeJS.ErrnoException).code ?? 'an error', cause });
  }
}
