/** Receipt files of strangers: whatever is in one, it is refused by name, or shown as a message that claims nothing about whoever answered. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AppWorld } from './appWorld';

/** A session, and the receipt of an answer that it got. */
async function withReceipt(): Promise<{ world: AppWorld; file: Record<string, unknown> }> {
  const world = await AppWorld.withChannel();
  await world.session.send('river');
  return { world, file: JSON.parse(world.session.receipt(world.newest.id)) as Record<string, unknown> };
}

describe('a receipt file of a stranger', { timeout: 30_000 }, () => {
  test('that is whole shows what is in it, refutes nothing, and is nobody\'s word about the key', async () => {
    const { world, file } = await withReceipt();
    const { prompt, answer, cost } = world.newest;
    await world.session.openReceipt(JSON.stringify(file));
    const { newest } = world;
    assert.deepEqual([newest.prompt, newest.answer, newest.cost, newest.state], [prompt, answer, cost, 'whole']);
    assert.deepEqual([newest.verdict.level, newest.verdict.missing], ['unknown', ['key-then', 'provider-unslashed']]);
    await world.session.recheck(newest.id, newest);
    assert.equal(world.newest.verdict.level, 'unknown');
  });

  test('that says another amount, key or answer than was signed is refuted', async () => {
    const { world, file } = await withReceipt();
    for (const change of [{ workerKey: '01'.repeat(32) }, { stake: '01'.repeat(32) }, { seq: 7 }, { tokens: (file.tokens as number[]).slice(1) }]) {
      await world.session.openReceipt(JSON.stringify({ ...file, ...change }));
      assert.equal(world.newest.verdict.level, 'refuted', JSON.stringify(change).slice(0, 30));
    }
  });

  test('never makes a badge, throws nothing that has no name, and puts nothing but text before the views', async () => {
    const { world, file } = await withReceipt();
    const odd = fc.oneof(
      fc.jsonValue(), fc.constantFrom(null, {}, [], '', -1, 1e308, 2 ** 53, '00'.repeat(32), { length: 5 }, [[[]]], { toString: 1 }, 'x'.repeat(100_000), Array(10_000).fill(0)),
    );
    const name = fc.constantFrom(...Object.keys(file), '__proto__', 'constructor', 'then');
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(name, odd), { minLength: 1, maxLength: 3 }), async (changes) => {
      const text = `{${[...Object.entries(file), ...changes].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
      const before = world.board.state.messages.length;
      try {
        await world.session.openReceipt(text);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'app.notReceipt');
        assert.equal(world.board.state.messages.length, before);
        return;
      }
      const { newest } = world;
      assert.ok(['unknown', 'refuted'].includes(newest.verdict.level), newest.verdict.level);
      for (const field of ['id', 'stake', 'modelName', 'prompt', 'answer'] as const) assert.equal(typeof newest[field], 'string', field);
      assert.match(newest.stake, /^[0-9a-f]{64}$/);
      assert.equal(typeof newest.outputTokens, 'number');
    }), { numRuns: 150, seed: 20261128 });
    assert.equal(({} as { kind?: string }).kind, undefined);
    for (const text of ['', 'null', '[]', '1', '{', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'x'.repeat(5 * 2 ** 20)]) {
      await assert.rejects(world.session.openReceipt(text), { code: 'app.notReceipt' });
    }
  });
});
