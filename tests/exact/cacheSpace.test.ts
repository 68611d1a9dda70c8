import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheSpace } from '../../exact/cacheSpace';
import { Random } from './randomModels';

const random = new Random(77);

test('the space of a cache is handed out without overlap and comes back whole', () => {
  const space = new CacheSpace(100);
  const held = new Map<number, number>();
  for (let i = 0; i < 500; i++) {
    const length = random.integer(1, 30);
    const base = space.take(length);
    if (base === undefined) {
      const [[first, size]] = held;
      held.delete(first);
      space.give(first, size);
      continue;
    }
    for (const [other, size] of held) assert.ok(base + length <= other || other + size <= base);
    assert.ok(base >= 0 && base + length <= 100);
    held.set(base, length);
  }
  held.forEach((size, base) => space.give(base, size));
  assert.equal(space.take(100), 0);
});
