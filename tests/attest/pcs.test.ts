import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { parseCollateral } from '../../attest/collateral';
import { fetchCollateral } from '../../attest/pcs';
import { type CollateralFile, type PcsAnswer, servePcs } from '../support/pcs';

const file = JSON.parse(readFileSync(join(__dirname, 'collateral', 'phala_tdx_quote_collateral.json'), 'utf8')) as CollateralFile;
const KIND = { fmspc: 'b0c06f000000', ca: 'platform' } as const;

async function fetched(t: TestContext, options?: Parameters<typeof servePcs>[1]) {
  const pcs = await servePcs(file, options);
  t.after(() => pcs.close());
  return fetchCollateral(KIND, `${pcs.url}/`);
}

describe('Intel\'s collateral, fetched', () => {
  test('is byte for byte what the service has, lists as DER or as hexadecimal digits', async (t) => {
    const expected = parseCollateral(file);
    assert.deepEqual(await fetched(t), expected);
    assert.deepEqual(await fetched(t, { isHex: true }), expected);
  });

  const only = (part: string, change: (answer: PcsAnswer) => PcsAnswer) => ({ change: (path: string, answer: PcsAnswer) => (path.includes(part) ? change(answer) : answer) });
  const cases: [string, Parameters<typeof servePcs>[1], string][] = [
    ['an error status', only('/tcb', (answer) => ({ ...answer, status: 500 })), 'attest.pcs.answer'],
    ['another document', only('/qe/', (answer) => ({ ...answer, body: '{"error":"none"}' })), 'attest.pcs.answer'],
    ['a document with more behind it', only('/tcb', (answer) => ({ ...answer, body: `${String(answer.body)},` })), 'attest.pcs.answer'],
    ['no chain', only('/pckcrl', ({ body }) => ({ body })), 'attest.pcs.answer'],
    ['a list that is none', only('/rootcacrl', (answer) => ({ ...answer, body: 'no list' })), 'attest.collateral.hex'],
    ['two megabytes', only('/tcb', (answer) => ({ ...answer, body: Buffer.alloc(2 << 20, 0x20) })), 'attest.pcs.answer'],
  ];
  for (const [what, options, code] of cases) {
    test(`is refused by name when the service gives ${what}`, async (t) => {
      await assert.rejects(fetched(t, options), { code });
    });
  }

  test('is refused by name when the service speaks of another platform, or sends elsewhere', async (t) => {
    const pcs = await servePcs(file, { fmspc: '000000000000' });
    t.after(() => pcs.close());
    await assert.rejects(fetchCollateral({ fmspc: '000000000000', ca: 'platform' }, pcs.url), { code: 'attest.pcs.answer', expected: '000000000000 platform' });
    await assert.rejects(fetched(t, only('/tcb', (answer) => ({ ...answer, status: 302, chain: ['Location', 'x'] }))), { code: 'attest.pcs.unreachable' });
  });

  test('comes from a service with an address of its own: http or https, and no password in it', async () => {
    for (const url of ['data:,x', 'file:///etc/passwd', 'nowhere', 'https://name:secret@localhost']) {
      await assert.rejects(fetchCollateral(KIND, url), (error: Error & { code: string }) => {
        assert.equal(error.code, 'attest.pcs.url');
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
    }
  });

  test('is refused by name when nobody answers', async () => {
    const pcs = await servePcs(file);
    pcs.close();
    await assert.rejects(fetchCollateral(KIND, pcs.url), (error: Error & { code: string; received: string }) => {
      assert.equal(error.code, 'attest.pcs.unreachable');
      assert.match(error.received, /ECONNREFUSED/);
      return true;
    });
  });
});
