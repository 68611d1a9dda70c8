import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SandboxContract } from '@ton/sandbox';
import { toNano } from '@ton/core';
import { quoteCell } from '../../attest/cells';
import { parseCollateral, summaryOf } from '../../attest/collateral';
import { collateralCells } from '../../attest/collateralCells';
import { parseQuote } from '../../attest/quote';
import { SandboxChecker } from '../../cli/attest/sandboxChecker';
import { Collateral, COLLATERAL_POSTS, type CollateralAnswer, INTEL_ROOT, platformFacts } from '../../wrappers';
import { feesOf } from '../support/fees';
import { createSandbox } from '../support/sandbox';

interface Listed { file: string; fmspc: string; pck: [string, string]; chainOk: boolean; tdAttributes: string | null }
const FOLDER = join(__dirname, '..', 'attest');
const quotes = (JSON.parse(readFileSync(join(FOLDER, 'quotes', 'manifest.json'), 'utf8')) as Listed[])
  .filter(({ file, chainOk, tdAttributes }) => file.startsWith('tdx') && chainOk && tdAttributes !== '0000000000000000');
const MOST_GAS = 500_000n;

/**
 * Collateral of Intel's by file, a time when all of its parts hold, and what it says of the quotes of its FMSPC: exit 812 is a PCK
 * certificate that was not valid yet while the collateral was; no-level a platform below every level that Intel lists.
 */
const CASES: [file: string, at: string, fmspc: string, answers: Record<string, string>][] = [
  ['phala_tdx_quote_collateral', '2025-07-01', 'b0c06f000000', {
    'tdx_v4_0c699dd4533f.bin': 'exit 812', 'tdx_v4_149ed84025bc.bin': 'no-level', 'tdx_v4_32f070134b06.bin': 'no-level',
    'tdx_v4_6e7a9b5c17a4.bin': 'no-level', 'tdx_v4_822125ba51a3.bin': 'UpToDate', 'tdx_v4_bec767485d65.bin': 'UpToDate',
    'tdx_v4_f1c850330112.bin': 'UpToDate',
  }],
  ['phala_near_quote_collateral', '2025-09-15', '20a06f000000', {
    'tdx_v4_9069d475eda3.bin': 'UpToDate', 'tdx_v4_d20fa00e2fcd.bin': 'UpToDate',
  }],
  ['automata_90c06f000000', '2025-06-25', '90c06f000000', {
    'tdx_v4_509f50f85772.bin': 'exit 812', 'tdx_v4_76641c464cd9.bin': 'exit 812', 'tdx_v4_cbdb5b2f12b9.bin': 'exit 812',
    'tdx_v4_f8f82dc7b508.bin': 'no-level', 'tdx_v4_fefa572273e5.bin': 'exit 812', 'tdx_v5_586c2be0dc38.bin': 'no-level',
    'tdx_v5_d0010db6f7b8.bin': 'UpToDate',
  }],
  ['google_50806f000000', '2023-06-20', '50806f000000', {}],
];

describe('Intel\'s collateral, as it was published', () => {
  it.each(CASES)('%s is taken whole on %s, and judges the quotes of %s', async (file, at, fmspc, expected) => {
    const now = Date.parse(`${at}T12:00:00Z`) / 1000;
    const { account, gas } = await posted(file, now);
    for (const [message, used] of Object.entries(gas)) expect([message, used > 0n && used < MOST_GAS]).toEqual([message, true]);
    const state = await account.getStatus();
    expect(state.fmspc).toBe(BigInt(`0x${fmspc}`));
    expect([state.tcbInfo, state.qeIdentity, state.rootCrl, state.pckCrl].every((part) => part !== null && part.validUntil > now)).toBe(true);
    expect(await account.getIsSimulated()).toBe(false);
    const answers: Record<string, string> = {};
    const checker = await SandboxChecker.create();
    for (const { file: name } of quotes.filter((quote) => quote.fmspc === fmspc)) {
      const verdict = await checker.verify(quoteCell(parseQuote(readFileSync(join(FOLDER, 'quotes', name))), INTEL_ROOT), now);
      if (!verdict.accepted) {
        answers[name] = `exit ${verdict.exitCode}`;
        continue;
      }
      const answer: CollateralAnswer = await account.getJudged(platformFacts(verdict.facts));
      answers[name] = answer.reason === 'fine' ? answer.tcbStatus : answer.reason;
    }
    expect(answers).toEqual(expected);
  });
});

async function posted(file: string, now: number): Promise<{ account: SandboxContract<Collateral>; gas: Record<string, bigint> }> {
  const collateral = parseCollateral(JSON.parse(readFileSync(join(FOLDER, 'collateral', `${file}.json`), 'utf8')));
  const { fmspc, isProcessorCa } = summaryOf(collateral);
  const chain = await createSandbox();
  chain.now = now;
  const poster = await chain.treasury('poster');
  const account = chain.openContract(await Collateral.fromScope({
    registry: poster.address, root: INTEL_ROOT, fmspc: BigInt(`0x${fmspc}`), isProcessorCa,
  }));
  const cells = collateralCells(collateral, INTEL_ROOT);
  const gas: Record<string, bigint> = {};
  for (const [name, pack] of Object.entries(COLLATERAL_POSTS)) {
    const { transactions } = await poster.send({ to: account.address, init: account.init, value: toNano('2'), body: pack(cells) });
    gas[name] = feesOf(transactions[1]).gas;
  }
  return { account, gas };
}
