import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pino from 'pino';
import { Closers } from '../../cli/gateway/closers';
import { keepRounds } from '../../cli/gateway/rounds';
import { sleep, until } from '../gateway/support';

const log = pino({ level: 'silent' });

describe('what a gateway does from time to time', () => {
  test('a round that fails ends neither its other work nor the rounds after it', async () => {
    const done = { failing: 0, other: 0 };
    const keeping = keepRounds([
      () => Promise.reject(new Error(`round ${done.failing++}`)),
      () => {
        done.other++;
        throw new Error('the disk is full');
      },
    ], 5, log);
    await until(() => done.failing >= 3 && done.other >= 3);
    await keeping.stop();
    const { other } = done;
    await sleep(30);
    assert.equal(done.other, other);
  });

  test('a slow round is not joined by another one, and stopping waits for it', async () => {
    let running = 0;
    let most = 0;
    const keeping = keepRounds([async () => {
      most = Math.max(most, ++running);
      await sleep(40);
      running--;
    }], 2, log);
    await sleep(10);
    await keeping.stop();
    assert.deepEqual([running, most], [0, 1]);
  });
});

describe('what was opened', () => {
  test('is closed newest first, all of it, and once; the first error is told', async () => {
    const closed: number[] = [];
    const closers = new Closers();
    for (const index of [0, 1, 2, 3]) {
      closers.add(async () => {
        closed.push(index);
        if (index % 2 === 1) throw new Error(`number ${index}`);
      });
    }
    await assert.rejects(closers.close(), /number 3/);
    await closers.close();
    assert.deepEqual(closed, [3, 2, 1, 0]);
  });
});
