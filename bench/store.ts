import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChannelStore } from '../worker/channels/store/channelStore';

export interface StoreReport {
  /** Durable calls per second (a request begun, a chunk signed, a voucher kept), by how many channels are served at a time. */
  callsPerSecond: Record<string, number>;
  loadAverage: number;
}

const CHANNELS = [1, 16, 64];
/** A piece as it travels: its frame, and a chunk that is padded to 256 bytes. */
const PIECE_BYTES = 512;
const CHUNKS = 4;

/** The store of a worker's channels alone, each channel one call after another, on the disk of the temporary folder. */
export async function measureStore(seconds: number, progress: (line: string) => void): Promise<StoreReport> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-store-bench-'));
  const callsPerSecond: StoreReport['callsPerSecond'] = {};
  try {
    for (const channels of CHANNELS) {
      const store = ChannelStore.open(join(folder, String(channels)), { networkId: 2026, workerKey: 'ab'.repeat(32) }, 1);
      const until = performance.now() + seconds * 1_000;
      const counts = await Promise.all(Array.from({ length: channels }, (_, index) => serveUntil(store, createHash('sha256').update(String(index)).digest(), until)));
      callsPerSecond[channels] = Math.round(counts.reduce((sum, count) => sum + count, 0) / seconds);
      store.close();
      progress(`${channels} at a time: ${callsPerSecond[channels]} calls/s`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { callsPerSecond, loadAverage: Number(loadavg()[0].toFixed(1)) };
}

async function serveUntil(store: ChannelStore, address: Buffer, until: number): Promise<number> {
  await store.addChannel(address, Buffer.from('terms'), 1);
  const [bytes, signature] = [randomBytes(PIECE_BYTES), randomBytes(64)];
  let calls = 0;
  let due = 0n;
  for (let seq = 1; performance.now() < until; seq++) {
    await store.begin(address, { seq, termsHash: randomBytes(32) }, 1);
    for (let index = 0; index < CHUNKS; index++) {
      await store.signOnce(address, seq, index, () => ({ bytes, dueNano: BigInt(index + 1), final: index === CHUNKS - 1 }), 1);
      await store.keepVoucher(address, { amountNano: (due += 1n), final: false, signature });
    }
    calls += 1 + 2 * CHUNKS;
  }
  return calls;
}
