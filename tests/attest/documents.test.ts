/** Quotes, certificates and collateral of a wrong form: each a typed error, whatever the bytes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { quoteCell } from '../../attest/cells';
import { parseCollateral, summaryOf } from '../../attest/collateral';
import { collateralCells } from '../../attest/collateralCells';
import { AttestationError } from '../../attest/errors';
import { parseQuote } from '../../attest/quote';
import { caName, certificate, simulatedKey } from '../../attest/simulated/certificates';
import { simulatedCollateral } from '../../attest/simulated/collateral';
import { oid, octets, sequence } from '../../attest/simulated/derWriter';
import { SIMULATED_ROOT, simulatedQuote } from '../../attest/simulated/quote';
import { documentOf } from '../support/pcs';

const ISSUED = 1_780_000_000;
const documents = simulatedCollateral({ issuedAt: ISSUED });
const file = documentOf(documents);
const withInfo = (change: object) => ({ ...file, tcb_info: JSON.stringify({ ...(JSON.parse(file.tcb_info) as object), ...change }) });

/** A certificate of the CA with these extensions. */
const odd = (...extensions: Buffer[]): Buffer => certificate({
  serial: 1n, issuer: caName('SIMULATED Root CA'), subject: caName('Intel SGX PCK Platform CA'), notBefore: ISSUED, notAfter: ISSUED + 1, key: SIMULATED_ROOT, extensions,
}, simulatedKey('root'));
const SGX = '2a864886f84d010d01';
const plain = [1, 2, 3].map((n) => sequence(oid(`551d0${n}`), octets(Buffer.alloc(1))));

describe('what has another form is refused by a typed error', () => {
  const cases: [string, () => unknown][] = [
    ['collateral without a certificate in a chain', () => parseCollateral({ ...file, tcb_info_issuer_chain: 'none' })],
    ['an FMSPC that is no text', () => summaryOf(parseCollateral(withInfo({ fmspc: { toString: null, valueOf: null } })))],
    ['an FMSPC that is not hexadecimal', () => summaryOf(parseCollateral(withInfo({ fmspc: 'zz' })))],
    ['a next update that is no text', () => summaryOf(parseCollateral({ ...withInfo({ nextUpdate: { toString: null } }), pck_crl: '00' }))],
    ['eight megabytes of digits with one that is none', () => parseCollateral({ ...file, pck_crl: `${'00'.repeat(4 << 20)}zz` })],
    ['a signer without extensions', () => collateralCells({ ...documents, tcbSigner: odd() }, SIMULATED_ROOT)],
    ...([[], [sequence()], [sequence(oid(SGX))], [sequence(oid(SGX), octets(sequence(sequence(), sequence(), sequence(), sequence(), sequence())))]] as Buffer[][]).map(
      (last, i): [string, () => unknown] => [`a PCK certificate with another last extension, ${i}`, () => {
        const quote = parseQuote(simulatedQuote());
        return quoteCell({ ...quote, certificates: [odd(...plain, ...last), quote.certificates[1], quote.certificates[2]] }, SIMULATED_ROOT);
      }],
    ),
  ];
  for (const [what, make] of cases) test(what, () => assert.throws(make, AttestationError));
});
