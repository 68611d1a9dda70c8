import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonOf, parseCollateral, summaryOf, type CollateralDocuments } from '../../attest/collateral';
import { AttestationError } from '../../attest/errors';
import { UsageError } from '../errors';
import type { Source } from './collateral';

/**
 * The collateral of an FMSPC among the JSON documents of a folder; files that are none are passed over.
 * @throws UsageError `usage.collateral`
 */
export function collateralFrom(folder: string, fmspc: string): CollateralDocuments {
  const found: string[] = [];
  for (const file of filesOf(folder)) {
    const collateral = tryParse(readFileSync(join(folder, file), 'utf8'));
    if (!collateral) continue;
    const of = summaryOf(collateral).fmspc;
    if (of === fmspc) return collateral;
    found.push(of);
  }
  throw new UsageError('usage.collateral', `the folder has no collateral for FMSPC ${fmspc}`, {
    expected: 'a JSON document with tcb_info, qe_identity, root_ca_crl, pck_crl, their signatures and chains',
    received: found.length ? `collateral for ${found.join(', ')}` : 'none',
  });
}

/** All documents of a folder. @throws UsageError `usage.collateral`, AttestationError for a document that is no collateral */
export const sourcesIn = (folder: string): Source[] =>
  filesOf(folder).map((name) => ({ name, documents: parseCollateral(jsonOf(readFileSync(join(folder, name), 'utf8'))) }));

/** Its JSON files, sorted. @throws UsageError `usage.collateral` */
function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.json') && file !== 'manifest.json').sort();
  } catch (cause) {
    throw new UsageError('usage.collateral', 'the folder with collateral cannot be read', {
      expected: 'a folder', received: (cause as NodeJS.ErrnoException).code ?? 'an error', cause,
    });
  }
}

function tryParse(text: string): CollateralDocuments | undefined {
  try {
    const collateral = parseCollateral(jsonOf(text));
    summaryOf(collateral);
    return collateral;
  } catch (error) {
    if (error instanceof AttestationError) return undefined;
    throw error;
  }
}
