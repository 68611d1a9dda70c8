/** What a provider's quote says of its key, as claims. */
import { fromHex, type WorkerKey } from '../chain';
import { reportDataOf } from '../../../protocol/keyBinding';
import type { MessageKey } from '../i18n';
import type { Claim, ClaimId, PageConfig, Text } from '../types';
import type { CertificateFault } from './certificate';
import { claim, quoteSource } from './claims';
import { checkQuote, type QuoteCheck, type QuoteCheckName } from './quote';
import type { ServedQuote } from './served';

/** Which checks stand behind a claim, and what is said where all of them hold. */
const CLAIMS = {
  'quote-signature': { checks: ['header', 'quote-signature', 'key-binding', 'quoting-enclave', 'qe-signature'], holds: 'verify.quoteSigned' },
  'quote-certificates': { checks: ['pck-certificate', 'ca-certificate'], holds: 'verify.quoteCertified' },
  'quote-body': { checks: ['debug', 'td-attributes', 'tdx-module', 'service-td', 'image'], holds: 'verify.quoteClosed' },
  'quote-keys': { checks: ['report-data'], holds: 'verify.quoteOfKeys' },
} as const satisfies Partial<Record<ClaimId, { checks: readonly QuoteCheckName[]; holds: MessageKey }>>;
export const QUOTE_CLAIMS = Object.keys(CLAIMS) as (keyof typeof CLAIMS)[];

const FAILED: Readonly<Record<QuoteCheckName, MessageKey>> = {
  header: 'verify.badHeader', 'quote-signature': 'verify.badQuoteSignature', 'key-binding': 'verify.badKeyBinding', 'quoting-enclave': 'verify.badEnclave',
  'qe-signature': 'verify.badEnclaveSignature', 'pck-certificate': 'verify.certUnreadable', 'ca-certificate': 'verify.certUnreadable', debug: 'verify.badDebug',
  'td-attributes': 'verify.badAttributes', 'tdx-module': 'verify.badModule', 'service-td': 'verify.badService', 'report-data': 'verify.badReportData', image: 'verify.badImage',
};
const FAULTS: Readonly<Record<CertificateFault, MessageKey>> = {
  unreadable: 'verify.certUnreadable', constraints: 'verify.certConstraints', early: 'verify.certEarly', late: 'verify.certLate', signature: 'verify.certSignature',
  issuer: 'verify.certIssuer', platform: 'verify.certPlatform',
};

/**
 * A claim each of QUOTE_CLAIMS. What the report data has to be about is the key as it is on chain; of what was served only the quote counts and which
 * block it names.
 * @param served or why there is none
 */
export async function quoteClaims(
  served: ServedQuote | string, key: WorkerKey, owner: string, { config, now }: { config: Pick<PageConfig, 'networkId' | 'registry' | 'quoteRoot'>; now: number },
): Promise<Claim[]> {
  const source = quoteSource(config.quoteRoot);
  const all = (status: 'unknown' | 'refuted', reason: Text): Claim[] => QUOTE_CLAIMS.map((id) => claim(id, status, source, reason));
  if (typeof served === 'string') return all('unknown', { key: 'verify.noQuote', params: { problem: served } });
  const { quote, blockSeqno, blockHash } = served;
  const reportData = reportDataOf({
    networkId: config.networkId, registry: fromHex(config.registry), owner: fromHex(owner), workerKey: fromHex(key.workerKey), sealingKey: fromHex(key.sealingKey),
    blockSeqno, blockHash,
  });
  const checks = await checkQuote(quote, { root: config.quoteRoot, now, reportData, imageHash: fromHex(key.imageHash) });
  if (checks === null) return all('refuted', { key: 'verify.quoteUnreadable' });
  return QUOTE_CLAIMS.map((id) => {
    const names: readonly QuoteCheckName[] = CLAIMS[id].checks;
    const own = checks.filter(({ name }) => names.includes(name));
    const bad = own.find(({ result }) => result !== 'asserted');
    if (bad === undefined && own.length === names.length) return claim(id, 'asserted', source, { key: CLAIMS[id].holds, params: { block: String(blockSeqno) } });
    return claim(id, 'refuted', source, failed(bad!));
  });
}

const failed = ({ name, fault }: QuoteCheck): Text =>
  ({ key: fault === undefined ? FAILED[name] : FAULTS[fault], params: { which: name === 'ca-certificate' ? 'CA' : 'PCK' } });
