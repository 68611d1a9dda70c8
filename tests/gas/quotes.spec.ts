import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quoteCell } from '../../attest/cells';
import { proveP256 } from '../../attest/p256';
import { parseQuote } from '../../attest/quote';
import { SandboxChecker } from '../../cli/attest/sandboxChecker';
import { INTEL_ROOT } from '../../wrappers';
import { P256Probe } from '../support/p256Probe';

/** One signature, of which three native checks take 10,500; and a whole quote with four of them and all certificates. */
const SIGNATURE_GAS = 15_477;
const QUOTE_GAS = { tdx_v4_0c699dd4533f: 106_911, tdx_v5_586c2be0dc38: 107_752 };

describe('gas of attestation', () => {
  it('of one P-256 signature is what is written here', async () => {
    const { e, r, s, qx, qy } = (JSON.parse(readFileSync(join(__dirname, '../attest/vectors/p256.json'), 'utf8')) as Record<string, string>[])[0];
    const number = (hex: string): bigint => BigInt(`0x${hex}`);
    const key = { x: number(qx), y: number(qy) };
    const probe = await P256Probe.create();
    expect(await probe.verify(number(e), key, proveP256(number(e), { r: number(r), s: number(s) }, key))).toBe(SIGNATURE_GAS);
  });

  it.each(Object.entries(QUOTE_GAS))('of the quote %s is what is written here', async (name, expected) => {
    const checker = await SandboxChecker.create();
    const quote = parseQuote(readFileSync(join(__dirname, '../attest/quotes', `${name}.bin`)));
    const verdict = await checker.verify(quoteCell(quote, INTEL_ROOT), 1_780_000_000);
    expect(verdict.accepted && verdict.gas).toBe(expected);
  });
});
