/** What the session does between a tap and the money or the prompt that leaves: everything is looked at before, and nothing is taken from an earlier look. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppWorld, STAKE, TON } from './appWorld';

const turns = async (isDone: () => boolean): Promise<void> => {
  for (const end = Date.now() + 5_000; !isDone() && Date.now() < end; ) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(isDone(), 'never');
};

describe('a session', { timeout: 20_000 }, () => {
  test('opens a channel, asks and gets an answer that stands', async () => {
    const world = await AppWorld.withChannel();
    assert.deepEqual([world.channel.phase, world.life.requests.length], ['open', 1]);
    await world.session.send('river');
    await turns(() => world.newest.claims.length > 0);
    assert.deepEqual([world.newest.state, world.newest.verdict], ['whole', { level: 'bonded', canSend: true, missing: [] }]);
    assert.equal(world.paid(), world.newest.cost);
  });

  test('asks the wallet for nothing while the provider is not verified', async () => {
    const world = new AppWorld();
    world.stakeReading = { agreement: 'none', says: [] };
    await world.session.refresh();
    world.board.set({ chosen: STAKE });
    await assert.rejects(world.session.openChannel(TON), { code: 'app.needsProvider' });
    world.stakeReading = null;
    world.stake = { active: 1n };
    world.life.pass(61);
    await assert.rejects(world.session.openChannel(TON), { code: 'app.notVerified' });
    assert.deepEqual(world.life.requests, []);
  });

  test('seals nothing to a provider that was slashed a minute after it was looked at', async () => {
    const world = await AppWorld.withChannel();
    world.stake = { slashed: 1n, faults: 1 };
    world.life.pass(61);
    await assert.rejects(world.session.send('river'), { code: 'app.notVerified' });
    assert.deepEqual([world.frames, world.board.state.messages, world.board.state.providers?.[0].verdict.level], [[], [], 'refuted']);
  });

  test('seals to the key that the stake lists now, over a connection of its own', async () => {
    const world = await AppWorld.withChannel();
    await world.session.send('river');
    world.sealing = new Uint8Array(32).fill(9);
    world.life.pass(61);
    await world.session.send('bread');
    await turns(() => world.newest.claims.length > 0);
    assert.deepEqual([world.opened.length, world.frames.filter(({ kind }) => kind === 'hello').length, world.newest.verdict.level], [2, 2, 'bonded']);
  });

  test('asks again before it sends what may cost more than was shown', async () => {
    const world = await AppWorld.withChannel();
    const { most } = await world.session.estimate('river');
    world.prices = { promptPrice: 2_000_000n, outputPrice: 2_000_000n };
    world.life.pass(61);
    await assert.rejects(world.session.send('river'), { code: 'app.dearer' });
    assert.deepEqual(world.frames, []);
    await world.session.send('river');
    assert.equal(world.newest.most, 2n * most);
    // Nothing was shown: the prices that were listed count.
    world.prices = { promptPrice: 3_000_000n, outputPrice: 2_000_000n };
    world.life.pass(61);
    await assert.rejects(world.session.send('bread'), { code: 'app.dearer' });
    world.prices = { promptPrice: 1n, outputPrice: 1n };
    world.life.pass(61);
    await world.session.send('bread');
    assert.equal(world.requests().length, 2);
  });

  test('signs no more for a lost chunk when the channel is closed under other prices', async () => {
    const world = await AppWorld.withChannel();
    world.manner = 'cuts';
    await world.session.send('river');
    const before = world.paid();
    world.prices = { promptPrice: 10n ** 15n, outputPrice: 10n ** 15n };
    world.owed = TON / 2n;
    world.life.pass(61);
    await assert.rejects(world.session.closeChannel(), { code: 'wallet.badWorker' });
    assert.deepEqual([world.paid(), world.channel.signed], [before, before]);
  });

  for (const [what, happens, code] of [
    ['was slashed', (world) => (world.stake = { slashed: 1n, faults: 1 }), 'app.notVerified'],
    ['is not listed any more', (world) => (world.isListed = false), 'app.needsProvider'],
    ['does not answer', (world) => (world.isReachable = false), 'chat.connectionLost'],
    ['is behind a relay that is gone', (world) => (world.beforeList = async () => { throw new TypeError('gone'); }), 'verify.noProviders'],
  ] as [string, (world: AppWorld) => unknown, string][]) {
    test(`that closes a channel whose provider ${what} leaves the wallet's way, and buys nothing more`, async () => {
      const world = await AppWorld.withChannel();
      happens(world);
      world.life.pass(61);
      await assert.rejects(world.session.closeChannel(), { code });
      assert.equal(world.channel.phase, 'ending');
      await assert.rejects(world.session.send('river'), { code: 'app.needsChannel' });
      await world.session.recover(world.channel.address);
      assert.deepEqual([world.channel.phase, world.life.requests.length], ['closing', 2]);
    });
  }

  test('leaves an answer that runs alone: nothing is asked beside it, and its channel is not closed', async () => {
    const world = await AppWorld.withChannel();
    world.manner = 'waits';
    const running = world.session.send('river');
    await turns(() => world.newest?.outputTokens === 32);
    await assert.rejects(world.session.send('bread'), { code: 'chat.running' });
    world.prices = { promptPrice: 1n, outputPrice: 1n };
    world.life.pass(61);
    await assert.rejects(world.session.closeChannel(), { code: 'chat.running' });
    assert.equal(world.channel.phase, 'open');
    world.goOn();
    await running;
    assert.deepEqual([world.newest.state, world.requests().length], ['whole', 1]);
  });

  test('turns an answer whose provider was slashed while it ran, as soon as it is there', async () => {
    const world = await AppWorld.withChannel();
    world.manner = 'waits';
    const running = world.session.send('river');
    await turns(() => world.newest?.outputTokens === 32);
    world.stake = { slashed: 1n, faults: 1 };
    world.goOn();
    await running;
    await turns(() => world.newest.verdict.level === 'refuted');
  });

  test('goes on watching who answered when its own channels cannot be looked at', async () => {
    const world = await AppWorld.withChannel();
    await world.session.send('river');
    await turns(() => world.newest.claims.length > 0);
    world.stake = { slashed: 1n, faults: 1 };
    world.life.channel = async () => { throw new Error('half-written'); };
    await assert.rejects(world.session.chosen(), /half-written/);
    await turns(() => world.newest.verdict.level === 'refuted');
  });

  test('lets no badge of a provider outlive what it rests on', async () => {
    const world = await AppWorld.withChannel();
    assert.equal(world.board.state.providers?.[0].verdict.level, 'bonded');
    world.beforeList = async () => { throw new TypeError('gone'); };
    world.life.pass(601);
    await world.session.keepUp();
    assert.deepEqual([world.board.state.providers?.[0].verdict.level, world.board.state.providers?.[0].verdict.canSend], ['unknown', false]);
    world.beforeList = async () => undefined;
    await world.session.keepUp();
    assert.equal(world.board.state.providers?.[0].verdict.level, 'bonded');
  });

  test('lets no look that began earlier undo what a later one found', async () => {
    const world = await AppWorld.withChannel();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    world.beforeList = () => held;
    const early = world.session.refresh();
    await turns(() => world.lists === 2);
    world.beforeList = async () => undefined;
    world.life.pass(61);
    world.stake = { slashed: 1n, faults: 1 };
    await assert.rejects(world.session.send('river'), { code: 'app.notVerified' });
    world.stake = {};
    release();
    await early;
    assert.equal(world.board.state.providers?.[0].verdict.level, 'refuted');
  });

  test('shows what came of an answer whose money could not be noted, and is not stuck with it', async () => {
    const world = await AppWorld.withChannel();
    world.manner = 'waits';
    const running = world.session.send('river').catch(() => undefined);
    await turns(() => world.newest?.outputTokens === 32 && world.frames.some(({ kind }) => kind === 'payment'));
    const { database } = world.parts.store;
    database.update = () => Promise.reject(new Error('no space'));
    world.goOn();
    await running;
    assert.notEqual(world.newest.state, 'streaming');
    assert.ok(['unknown', 'refuted'].includes(world.newest.verdict.level));
  });
});
