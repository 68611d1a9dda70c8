import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import Database from 'libsql';
import { CHANNEL_CRASH_POINTS } from '../../../worker/crash';
import type { ChannelStore } from '../../../worker/channels/store/channelStore';
import type { Acknowledged } from './child';
import { buildChild, childEnvironment } from './childProcess';
import { folders, openStore, randomFrom } from './support';

/** Kills at random moments; COCOON_CHANNEL_KILLS=50 for a long run. The named points come on top. */
const RANDOM_KILLS = Number(process.env.COCOON_CHANNEL_KILLS ?? 5);
const { fresh, root, remove } = folders();
let child = '';
before(async () => {
  child = await buildChild();
});
after(remove);

/** Runs the load on a store until it is killed. @returns everything that was ever acknowledged for this store */
async function runUntilKilled(folder: string, seed: number, kill: { point: string } | { afterMs: number; meanwhile?: () => void }): Promise<Acknowledged[]> {
  const log = `${folder}.log`;
  const env = childEnvironment('point' in kill ? { COCOON_CRASH_AT: kill.point } : {});
  const running = spawn(process.execPath, [child, 'load', folder, log, String(seed)], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(running, 'exit') as Promise<[number | null, string | null]>;
  if ('afterMs' in kill) {
    const sizeBefore = sizeOf(log);
    while (sizeOf(log) === sizeBefore && running.exitCode === null) await sleep(2);
    kill.meanwhile?.();
    await sleep(kill.afterMs);
    running.kill('SIGKILL');
  }
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  if (!existsSync(log)) return [];
  // A line that was cut off was not acknowledged.
  return readFileSync(log, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Acknowledged);
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** What is in a store after a kill, compared with what was acknowledged and with all that was seen in it before. */
class Witness {
  private readonly chunks = new Map<string, string>();

  check(store: ChannelStore, acknowledged: Acknowledged[]): void {
    for (const { address, dueNano, lastSeq } of store.read.channels()) {
      let sum = 0n;
      for (let seq = 1; seq <= lastSeq; seq++) {
        const { receipts, dueNano: due } = store.read.request(address, seq)!;
        receipts.forEach(({ bytes, index, final }, position) => {
          assert.equal(index, position);
          assert.ok(!final || position === receipts.length - 1);
          this.see(`${address.toString('hex')} ${seq} ${index}`, bytes.toString('hex'));
        });
        assert.equal(due, receipts.at(-1)?.dueNano ?? 0n);
        sum += due;
      }
      assert.equal(dueNano, sum);
    }
    for (const line of acknowledged) this.find(store, line);
  }

  private see(place: string, bytes: string): void {
    assert.equal(this.chunks.get(place) ?? bytes, bytes, `two different chunks at ${place}`);
    this.chunks.set(place, bytes);
  }

  private find(store: ChannelStore, line: Acknowledged): void {
    const address = Buffer.from(line.channel, 'hex');
    if (line.what === 'begun') {
      assert.equal(store.read.request(address, line.seq)?.termsHash.toString('hex'), line.termsHash);
    } else if (line.what === 'chunk') {
      const place = `${line.channel} ${line.seq} ${line.index}`;
      assert.equal(this.chunks.get(place), line.bytes, `the acknowledged chunk at ${place}`);
    } else if (line.what === 'voucher') {
      const { amountNano, signature } = store.read.channel(address)!.voucher!;
      assert.ok(amountNano >= BigInt(line.amount));
      if (amountNano === BigInt(line.amount)) assert.equal(Buffer.from(signature).toString('hex'), line.signature);
    } else {
      assert.ok(store.read.channel(address)!.settledNano >= BigInt(line.amount));
    }
  }
}

const settledOf = (store: ChannelStore): bigint => store.read.channels().reduce((sum, { settledNano }) => sum + settledNano, 0n);

describe('a worker killed in the middle of its load', () => {
  test(`killed ${RANDOM_KILLS} times at random moments: all that was acknowledged is there, bit for bit, and it goes on`, async () => {
    const folder = fresh();
    const witness = new Witness();
    const random = randomFrom(7);
    let known = 0;
    for (let round = 0; round < RANDOM_KILLS; round++) {
      const acknowledged = await runUntilKilled(folder, round, { afterMs: random() * 150 });
      assert.ok(acknowledged.length > known, 'nothing was acknowledged in this round');
      known = acknowledged.length;
      const store = openStore(folder);
      witness.check(store, acknowledged);
      assert.equal(store.read.earnings().totalNano, settledOf(store));
      store.close();
    }
  });

  test('another program that opens the store meanwhile, and closes it, takes nothing of it', async () => {
    const folder = fresh();
    const readOnce = (): void => {
      const other = new Database(join(folder, 'channels.db'));
      other.exec('SELECT count(*) FROM channels');
      other.close();
    };
    const acknowledged = await runUntilKilled(folder, 1, { afterMs: 100, meanwhile: readOnce });
    assert.ok(acknowledged.length > 0);
    const store = openStore(folder);
    new Witness().check(store, acknowledged);
    store.close();
  });

  for (const point of CHANNEL_CRASH_POINTS) {
    test(`killed at ${point}: the same`, async () => {
      const folder = join(root, point);
      const witness = new Witness();
      const random = randomFrom(point.length);
      await runUntilKilled(folder, 1, { afterMs: 20 });
      const count = /start|checkpoint/.test(point) ? 1 : 1 + Math.floor(random() * 40);
      const acknowledged = await runUntilKilled(folder, 2, { point: `${point}:${count}` });
      const store = openStore(folder);
      witness.check(store, acknowledged);
      store.close();
      const later = await runUntilKilled(folder, 3, { afterMs: 20 });
      assert.ok(later.length > acknowledged.length);
      const again = openStore(folder);
      witness.check(again, later);
      again.close();
    });
  }
});
