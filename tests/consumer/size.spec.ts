import fs from 'node:fs';
import path from 'node:path';
import { beginCell, storeMessage, toNano } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { packTry } from '../../examples/bounty/JudgedBounty';
import { forwardFee, gasFee } from '../../wrappers';
import { multiplyPrices, pricesOf } from '../support/config';
import { takeSlots } from '../support/consumerMessages';
import { sizeOfCells } from '../support/sizeOfCells';
import { askBody, ConsumerProbe, Handler } from '../support/consumerProbe';
import { ConsumerWorld, PRICE, STOP_TOKEN } from '../support/consumerWorld';
import { feesOf, sumFees } from '../support/fees';
import { gasUsed } from '../support/stakeWorld';

const root = path.join(__dirname, '../..');
function constant(file: string, name: string): number {
  const source = fs.readFileSync(path.join(root, file), 'utf8');
  return Number(new RegExp(`const ${name}: Int = (\\d+);`).exec(source)![1]);
}
const TRAIT = 'contracts/escrow/InferenceConsumer.tact';
const BOUNTY = 'examples/bounty/JudgedBounty.tact';

/** Enough, and a quarter more at most. */
function covers(allowed: number, used: number): void {
  expect(used).toBeLessThanOrEqual(allowed);
  expect(allowed).toBeLessThanOrEqual(used * 1.25);
}

const longest = (length: number): number[] => Array.from({ length }, (_, index) => 2 ** 21 - 1 - index);

describe('what asking costs', () => {
  it('GAS_ASK, DEPLOY_CELLS and DEPLOY_BITS cover the longest prompt with all other slots taken', async () => {
    const probe = await ConsumerProbe.create(Handler.records, toNano('100'));
    const asked = { tokens: longest(31), maxTokens: 1260, stopToken: 2 ** 32 - 1, price: toNano('1') };
    const { chain, wallets } = probe.world;
    const sent = { from: wallets.anna.address, to: probe.address, body: askBody(asked), value: toNano('2') };
    await takeSlots(chain, 31, sent);
    const result = await probe.ask(asked);
    expect(await probe.openCount()).toBe(32);
    const gas = Number(gasUsed(result, probe.address));
    covers(constant(TRAIT, 'GAS_ASK'), gas);
    const transaction = result.transactions.find(({ outMessages }) => outMessages.get(0)?.init != null)!;
    const { forwardNano } = feesOf(transaction);
    const prices = pricesOf(chain);
    const cells = constant(TRAIT, 'DEPLOY_CELLS');
    const bits = constant(TRAIT, 'DEPLOY_BITS');
    covers(Number(forwardFee(prices, BigInt(cells), BigInt(bits))), Number(forwardNano));
    const message = beginCell().store(storeMessage(transaction.outMessages.get(0)!)).endCell();
    console.log(`ask: ${gas} gas; deploying ${JSON.stringify(sizeOfCells(...message.refs))}, ${forwardNano} nanoTON`);
  });

  it.each([1n, 10n])('askFunds at prices x%d is what leaves the balance, and little more', async (factor) => {
    const probe = await ConsumerProbe.create(Handler.records, toNano('100'));
    const { world } = probe;
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    const asked = { tokens: longest(31), maxTokens: 1260, price: toNano('1') };
    const before = await world.balance(probe.address);
    await probe.ask(asked, toNano('1'));
    const left = before + toNano('1') - (await world.balance(probe.address));
    const funds = await probe.askFunds(asked.price, asked.maxTokens);
    expect(left).toBeLessThanOrEqual(funds);
    expect(funds - left).toBeLessThan(gasFee(pricesOf(world.chain), 15_000n));
  });

  it('GAS_TRY covers what a try uses beyond ask', async () => {
    const world = await ConsumerWorld.create({ maxTokens: 1260 });
    const { anna } = world.wallets;
    const { address } = world.bounty;
    const sent = { from: anna.address, to: address, body: packTry(longest(30)), value: toNano('1') };
    await takeSlots(world.chain, 31, sent);
    const result = await world.try(anna, longest(30));
    expect((await world.bounty.getOpenJobs()).length).toBe(32);
    const gas = Number(gasUsed(result, address));
    console.log(`try: ${gas} gas`);
    covers(constant(TRAIT, 'GAS_ASK') + constant(BOUNTY, 'GAS_TRY'), gas);
  });

  it('finding 47: the rent that stays is that of the state for five years', async () => {
    const world = await ConsumerWorld.create();
    const { accountState } = await world.chain.getContract(world.bounty.address);
    if (accountState?.type !== 'active') throw new Error('no bounty');
    const { cells, bits } = sizeOfCells(accountState.state.code!, accountState.state.data!);
    covers(constant(BOUNTY, 'BOUNTY_CELLS'), cells);
    covers(constant(BOUNTY, 'BOUNTY_BITS'), bits);
  });
});

describe('docs/integrate-from-a-dapp.md', () => {
  it('says what a try costs in all, and what it must bring', async () => {
    const world = await ConsumerWorld.create();
    const value = await world.bounty.getTryValue();
    const asked = await world.try(world.wallets.anna, [3, 4, 5]);
    const [job] = await world.jobsIn(asked);
    const answered = await world.answer(job, [1, 2, STOP_TOKEN]);
    const milli = (nano: bigint): string => (Number(nano) / 1e6).toFixed(1);
    const part = ({ transactions }: SendMessageResult): bigint => sumFees(transactions).totalNano;
    const rows: [RegExp, string][] = [
      [/(\| asking: [^|]+\| )[\d.]+/, milli(part(asked))],
      [/(\| the answer: [^|]+\| )[\d.]+/, milli(part(answered))],
      [/(\| in all \| \*\*)[\d.]+/, milli(part(asked) + part(answered))],
      [/(A try brings )[\d.]+/, milli(value - PRICE)],
    ];
    const file = path.join(root, 'docs/integrate-from-a-dapp.md');
    const page = fs.readFileSync(file, 'utf8');
    const measured = rows.reduce((text, [row, number]) => text.replace(row, `$1${number}`), page);
    if (process.env.COCOON_DOCS_UPDATE === '1') fs.writeFileSync(file, measured);
    else expect(measured.split('\n').filter((line) => !page.includes(line))).toEqual([]);
    for (const [row] of rows) expect(page).toMatch(row);
  });
});
