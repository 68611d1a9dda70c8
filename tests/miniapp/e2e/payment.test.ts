/** Money: one question of the wallet opens a channel at an address that everybody can compute, and no more are asked after it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Address, beginCell, external, storeMessage } from '@ton/core';
import { type SignedAmount, voucherHash } from '../../../protocol';
import { nodeEd25519 } from '../../../worker/keys/ed25519';
import { loadClaimKey } from '../../../worker/keys/workerKeys';
import { CODE_HASHES, packClaim, parseChannel, PaymentChannel } from '../../../wrappers';
import { eventually } from '../../support/marketplace';
import type { Said } from './hop';
import { E2E, e2eSuite } from './suite';
import { deployedBy } from './wallet';
import { DEPOSIT, type World } from './world';

describe('a channel', E2E, () => {
  const suite = e2eSuite();

  test('is opened by one request, whose state has the published code and an address that follows from what was agreed', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    assert.equal(world.wallet.requests.length, 1);
    const { messages, network, from } = world.wallet.requests[0];
    assert.deepEqual([messages.length, network, from], [1, '2026', world.wallet.address.toRawString()]);
    const { to, computed, amount, codeHash, state } = deployedBy(world.wallet.requests[0]);
    assert.equal(to.toRawString(), computed.toRawString());
    assert.deepEqual([codeHash, amount], [CODE_HASHES.PaymentChannel, DEPOSIT]);
    assert.equal((await PaymentChannel.fromTerms(state.terms)).address.toRawString(), to.toRawString());
    const { client, stake } = state.terms;
    assert.deepEqual([client.toRawString(), stake.toRawString()], [world.wallet.address.toRawString(), world.attested.owner.stake.toRawString()]);
    const shown = await page.channel();
    // The chain's fees for the opening are out of the deposit.
    assert.ok(shown.deposit > 0.49 && shown.deposit <= 0.5, String(shown.deposit));
    assert.deepEqual([shown.phase, shown.spent], ['Open', 0]);
  });

  /** What a relay could make of the offer that it passes on. */
  const tampered: [string, (descriptor: Record<string, never>) => object][] = [
    ['payout', () => ({ payout: 'ee'.repeat(32) })],
    ['key that claims', (descriptor) => ({ channels: { ...(descriptor.channels as object), claimKey: 'ee'.repeat(32) } })],
    ['time to close', (descriptor) => ({ channels: { ...(descriptor.channels as object), minCloseDelay: 1_000_000 } })],
    ['price', (descriptor) => ({ channels: { ...(descriptor.channels as object), outputPriceNano: '1', promptPriceNano: '1' } })],
  ];
  for (const [what, change] of tampered) {
    test(`is not opened when a relay changes its ${what}: the wallet is not asked, and the reason is shown`, async (t) => {
      const { world } = suite;
      world.relay.said = changedDescriptors(change);
      const page = await suite.page(t);
      await page.choose('Attested');
      assert.notEqual(await page.blockedOpen(), null);
      assert.equal((await page.claims())['Offer is the published one']?.status, 'False');
      await page.connect();
      assert.equal(await page.openButton().isEnabled(), false);
      assert.deepEqual([world.wallet.requests.length, await page.greens()], [0, 0]);
    });
  }

  test('that a user does not want is not there, and nothing is paid', async (t) => {
    const { world } = suite;
    const page = await suite.page(t);
    await page.choose('Attested');
    await page.connect();
    world.wallet.simulated.manner = 'rejects';
    await page.openButton().click();
    await page.page.getByRole('alert').filter({ hasText: 'You said no in the wallet' }).waitFor();
    const { to } = deployedBy(world.wallet.requests[0]);
    assert.equal(await world.market.balance(to), 0n);
  });

  test('pays ten messages without the wallet: every voucher holds under the channel\'s key, they only rise, and the chain pays the last one', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    const { to, state } = deployedBy(world.wallet.requests[0]);
    world.wallet.requests.length = 0;
    const words = ['swiftly', 'happy', 'run', 'bridge', 'river', 'dog', 'stone', 'music', 'bread', 'winter'];
    for (const word of words) await page.ask(word);
    for (const index of words.keys()) {
      const { level, notice, answer } = await page.message(index);
      assert.deepEqual([level, notice], ['testHardware', ''], words[index]);
      assert.notEqual(answer, '');
    }
    assert.equal(world.wallet.requests.length, 0);

    const vouchers: SignedAmount[] = world.relay.frames.flatMap(({ frame }) => (frame.kind === 'request' ? [frame.voucher] : frame.kind === 'payment' ? [frame] : []));
    assert.ok(vouchers.length >= words.length);
    const channel = new Uint8Array(to.hash);
    for (const { amount, final, signature } of vouchers) {
      assert.ok(nodeEd25519.verify(voucherHash({ networkId: 2026, channel, amount, final }), signature, state.terms.clientKey), String(amount));
      assert.equal(final, false);
    }
    const amounts = vouchers.map(({ amount }) => amount);
    const firsts = world.relay.framesOf('request').map(({ voucher }) => voucher.amount);
    for (const rising of [amounts.filter((amount, index) => amount !== amounts[index - 1]), firsts]) {
      rising.reduce((before, amount) => (assert.ok(amount > before, String(rising)), amount));
    }
    const last = vouchers.at(-1)!;
    await claim(world, to, last);
    const { data } = await world.market.chain.getAccount(to);
    assert.equal(parseChannel(data!).claimed, last.amount, 'the contract took it');
    const { spent } = await page.channel();
    assert.ok(BigInt(Math.round(spent * 1e9)) <= last.amount);
  });

  test('is closed without the wallet: the provider gets what was received, the rest is back', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    await page.ask('swiftly');
    const { to } = deployedBy(world.wallet.requests[0]);
    const before = await world.market.balance(world.wallet.address);
    const { cost } = await page.message(0);
    await page.closeChannel();
    await page.waitForEnd();
    assert.equal(world.wallet.requests.length, 1);
    const back = await world.market.balance(world.wallet.address) - before;
    const due = BigInt(Math.round(cost * 1e9));
    assert.ok(back <= DEPOSIT - due && back > DEPOSIT - due - 10_000_000n, `${back} of ${DEPOSIT - due}`);
    assert.equal(await world.market.balance(to), 0n);
  });
});

/** Descriptors in the relay's list, and by themselves, with something else in them. */
const changedDescriptors = (change: (descriptor: Record<string, never>) => object): Said => (path, body) => {
  const changed = (text: string): string => {
    const descriptor = JSON.parse(text) as Record<string, never>;
    return `${JSON.stringify({ ...descriptor, ...change(descriptor) })}\n`;
  };
  if (path.endsWith('/descriptor')) return Buffer.from(changed(String(body)));
  if (path !== '/v1/providers') return body;
  const list = JSON.parse(String(body)) as { providers: { descriptor: string | null }[] };
  return Buffer.from(JSON.stringify({ ...list, providers: list.providers.map((provider) => ({ ...provider, descriptor: provider.descriptor && changed(provider.descriptor) })) }));
};

/** As the provider claims, with the key that its worker has. */
async function claim({ market, attested }: World, channel: Address, { amount, final, signature }: SignedAmount): Promise<void> {
  const key = loadClaimKey(attested.owner.folder);
  const claimSignature = nodeEd25519.sign(voucherHash({ networkId: 2026, channel: new Uint8Array(channel.hash), amount, final }), key.secret);
  const body = packClaim({ final, amount, voucherSignature: signature, claimSignature });
  await market.chain.sendExternal(beginCell().store(storeMessage(external({ to: channel, body }))).endCell().toBoc());
  await eventually(async () => {
    const { data } = await market.chain.getAccount(channel);
    return data !== null && parseChannel(data).claimed >= amount ? true : null;
  });
}
