/** `cocoon attest verify --chain-only`: raw quotes through the contract's code, garbage refused by name. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHECK_NAMES, type Check } from '../../attest/checks';
import { temporaryFolder } from '../import/folders';
import { codeOf, cocoon } from '../support/cocoon';

const QUOTES = join(__dirname, '../attest/quotes');
const NOW = '1780000000';
const verify = (file: string, ...args: string[]) => cocoon(['attest', 'verify', file, '--chain-only', '--json', ...args]);

test('a real quote is accepted, with its image, platform and report data', async () => {
  const run = await verify(join(QUOTES, 'tdx_v4_0c699dd4533f.bin'), '--now', NOW);
  assert.equal(run.status, 0, run.stderr);
  const { gas, imageHash, reportData, checks, ...rest } = JSON.parse(run.stdout) as Record<string, unknown> & { checks: Check[] };
  assert.deepEqual(rest, {
    accepted: true, reason: null, exitCode: null, fmspc: 'b0c06f000000', tcbStatus: null, debug: false, serviceTd: false,
  });
  assert.match(String(imageHash), /^[0-9a-f]{64}$/);
  assert.match(String(reportData), /^[0-9a-f]{128}$/);
  assert.ok(Number(gas) > 100_000 && Number(gas) < 130_000);
  assert.deepEqual(checks.map(({ name }) => name), CHECK_NAMES);
  assert.deepEqual(checks.filter(({ result }) => result === 'unknown').map(({ name }) => name), ['report-data', 'image', ...CHECK_NAMES.slice(13)]);
  assert.ok(!checks.some(({ result }) => result === 'refuted'));
  const text = await cocoon(['attest', 'verify', join(QUOTES, 'tdx_v4_0c699dd4533f.bin'), '--chain-only', '--now', NOW]);
  assert.match(text.stdout, /checked apart from the contracts:\n  asserted  header /);
});

test('a quote whose attributes the policy refuses, or whose certificates are too old, says why', async () => {
  const refused = JSON.parse((await verify(join(QUOTES, 'tdx_v4_a187b0da057d.bin'), '--now', NOW)).stdout) as Record<string, unknown>;
  assert.deepEqual([refused.accepted, refused.exitCode], [false, 824]);
  assert.match(String(refused.reason), /SEPT_VE_DISABLE/);
  const late = JSON.parse((await verify(join(QUOTES, 'tdx_v4_0c699dd4533f.bin'), '--now', '2500000000')).stdout) as Record<string, unknown>;
  assert.deepEqual([late.accepted, late.exitCode], [false, 813]);
});

test('SGX quotes, quotes without certificates, garbage and missing files are refused by name', async (t) => {
  const garbage = join(temporaryFolder(t), 'garbage');
  writeFileSync(garbage, Buffer.alloc(3000, 0x5a));
  const cases: [string, string, number][] = [
    [join(QUOTES, 'sgx_v3_268c06813379.bin'), 'attest.quote.not-tdx', 6], [join(QUOTES, 'tdx_v4_aa2cafadb32b.bin'), 'attest.quote.certificates', 6],
    [garbage, 'attest.quote.version', 6], [`${garbage}-not`, 'usage.quote', 2],
  ];
  for (const [file, code, status] of cases) {
    const run = await verify(file);
    assert.deepEqual([codeOf(run), run.status], [code, status]);
  }
  const judged = await cocoon(['attest', 'verify', garbage, '--json']);
  assert.equal(codeOf(judged), 'usage.collateral');
});

test('with collateral, platform and service TD are judged too', async () => {
  const folder = join(__dirname, '../attest/collateral');
  const judge = async (file: string, at: string) => {
    const run = await cocoon(['attest', 'verify', join(QUOTES, file), '--collateral', folder, '--now', String(Date.parse(`${at}T12:00:00Z`) / 1000), '--json']);
    assert.equal(run.status, 0, run.stderr);
    const { accepted, tcbStatus, reason, checks } = JSON.parse(run.stdout) as Record<string, unknown> & { checks: Check[] };
    assert.equal(accepted, !checks.some(({ result }) => result === 'refuted'));
    return [accepted, tcbStatus, reason];
  };
  assert.deepEqual(await judge('tdx_v4_822125ba51a3.bin', '2025-07-01'), [true, 'UpToDate', null]);
  const [old, none, below] = await judge('tdx_v4_149ed84025bc.bin', '2025-07-01');
  assert.deepEqual([old, none], [false, null]);
  assert.match(String(below), /below every TCB level/);
  const [late, , expired] = await judge('tdx_v4_822125ba51a3.bin', '2025-09-01');
  assert.equal(late, false);
  assert.match(String(expired), /past its next update/);
  const [migrated, status, service] = await judge('tdx_v5_d0010db6f7b8.bin', '2025-06-25');
  assert.deepEqual([migrated, status], [false, 'UpToDate']);
  assert.match(String(service), /service TD/);
  const unknown = await cocoon(['attest', 'verify', join(QUOTES, 'tdx_v4_00b2526ab190.bin'), '--collateral', folder, '--now', NOW, '--json']);
  assert.equal(codeOf(unknown), 'usage.collateral');
});
