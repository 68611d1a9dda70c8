/** What the session does between a tap and the money or the prompt that leaves: everything is looked at before, and nothing is taken from an earlier look. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppWorld, STAKE, TON } from './appWorld';

const turns = async (isDone: () => boolean): Promise<void> => {
  for (let i = 0; i < 2_000 && !isDone(); i++) await new Promise((resolve) => setImmediate(resolve));
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
});
