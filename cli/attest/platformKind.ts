import { certificateOf, PCK_ISSUERS, platformOf } from '../../attest/checks/certificates';
import { refuse } from '../../attest/errors';
import type { PlatformKind } from '../../attest/pcs';
import { parseQuote } from '../../attest/quote';
import { quoteFileSchema } from '../../worker/quoteFile';

/**
 * Which collateral a quote's platform needs, as its certificate says; nothing is verified here.
 * @param bytes raw, or the document of `provider keys quote`
 * @throws AttestationError `attest.quote.<reason>`
 */
export function platformKindOf(bytes: Buffer): PlatformKind {
  const pck = certificateOf(parseQuote(rawQuote(bytes)).certificates[0]);
  const platform = platformOf(pck);
  if (pck === null || platform === null) return refuse('quote.platform', 'the quote does not say what its platform is', 'a PCK certificate with Intel\'s SGX extension');
  return { fmspc: platform.fmspc, ca: pck.issuer === PCK_ISSUERS[1] ? 'processor' : 'platform' };
}

function rawQuote(bytes: Buffer): Buffer {
  if (bytes[0] !== 0x7b) return bytes; // "{"
  try {
    return Buffer.from(quoteFileSchema.parse(JSON.parse(bytes.toString('utf8'))).quote, 'hex');
  } catch {
    return bytes;
  }
}
