// Process of its own for the tests of the channel store: `load <folder> <log> <seed>` or `fillDisk <folder>`.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ChannelStore } from '../../../worker/channels/store/channelStore';
import { bytes32, channelA, hasCode, openStore, randomFrom, signature, terms } from './support';

/** What a call was answered, on disk for the test before the next call. */
export type Acknowledged =
  | { what: 'begun'; channel: string; seq: number; termsHash: string }
  | { what: 'chunk'; channel: string; seq: number; index: number; bytes: string }
  | { what: 'voucher'; channel: string; amount: string; signature: string }
  | { what: 'settled'; channel: string; amount: string };

async function load(folder: string, logFile: string, seed: number): Promise<void> {
  const store = openStore(folder);
  const log = openSync(logFile, 'a');
  const acknowledge = (line: Acknowledged): void => {
    writeSync(log, `${JSON.stringify(line)}\n`);
  };
  await Promise.all([1, 2, 3].map((name) => serve(store, bytes32(`channel ${name}`), randomFrom(seed * 10 + name), acknowledge)));
}

/** Serves one channel for ever, going on where the store is. */
async function serve(
  store: ChannelStore,
  address: Buffer,
  random: () => number,
  acknowledge: (line: Acknowledged) => void,
): Promise<void> {
  const channel = address.toString('hex');
  await store.addChannel(address, terms, 1);
  for (;;) {
    let [request] = store.read.openRequests(address);
    if (request === undefined) {
      const { lastSeq } = store.read.channel(address)!;
      request = await store.begin(address, { seq: lastSeq + 1, termsHash: randomBytes(32) }, 1);
      acknowledge({ what: 'begun', channel, seq: request.seq, termsHash: request.termsHash.toString('hex') });
    }
    const { seq, receipts } = request;
    const index = random() < 0.2 && receipts.length > 0 ? Math.floor(random() * receipts.length) : receipts.length;
    const made = { bytes: randomBytes(300), dueNano: BigInt(index + 1) * 10n, final: random() < 0.2 };
    const chunk = await store.signOnce(address, seq, index, () => made, 1);
    acknowledge({ what: 'chunk', channel, seq, index, bytes: chunk.bytes.toString('hex') });
    const { dueNano, settledNano } = store.read.balance(address);
    const { voucher } = await store.keepVoucher(address, { amountNano: dueNano, final: false, signature: signature(random()) });
    acknowledge({
      what: 'voucher',
      channel,
      amount: voucher.amountNano.toString(),
      signature: Buffer.from(voucher.signature).toString('hex'),
    });
    if (random() < 0.1) {
      const amount = settledNano + (dueNano - settledNano) / 2n;
      await store.settle(address, amount, 1);
      acknowledge({ what: 'settled', channel, amount: amount.toString() });
    }
  }
}

async function fillDisk(folder: string): Promise<void> {
  const room = join(folder, '..', 'room');
  writeFileSync(room, Buffer.alloc(1_200_000));
  const store = openStore(folder);
  await store.addChannel(channelA, terms, 1);
  await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
  const chunks: Buffer[] = [];
  const add = async (): Promise<void> => {
    const made = { bytes: randomBytes(20_000), dueNano: BigInt(chunks.length), final: false };
    chunks.push((await store.signOnce(channelA, 1, chunks.length, () => made, 1)).bytes);
  };
  await assert.rejects(async () => {
    for (;;) await add();
  }, hasCode('storage.full'));
  const before = chunks.length;
  const stored = (of: ChannelStore): Buffer[] => of.read.request(channelA, 1)!.receipts.map(({ bytes }) => bytes);
  assert.deepEqual(stored(store), chunks);
  await assert.rejects(add, hasCode('storage.full'));
  rmSync(room);
  await add();
  store.close();
  const again = openStore(folder);
  assert.deepEqual(stored(again), chunks);
  await again.begin(channelA, { seq: 2, termsHash: bytes32(2) }, 1);
  again.close();
  process.stdout.write(`storage.full after ${before} chunks; reopened with all of them and goes on\n`);
}

const [role, ...rest] = process.argv.slice(2);
const running = role === 'load' ? load(rest[0], rest[1], Number(rest[2])) : fillDisk(rest[0]);
running.catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
