import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Claim, TCB_STATUS, type ImagePolicy, type WorkerKeyRecord } from '../../wrappers';
import type { ChainClient } from '../../worker/chain/chainClient';
import { requireAttested } from '../../cli/client/attested';
import type { Settings } from '../../cli/config/resolve';

const settings = { network: 'testnet', registry: `0:${'ab'.repeat(32)}` } as Settings;
const record = { imageHash: new Uint8Array(32).fill(0x1a), claims: Claim.cpuOnly, tcbStatus: TCB_STATUS.indexOf('UpToDate') } as WorkerKeyRecord;
const inForce = { imageHash: record.imageHash, claims: Claim.cpuOnly, proposedAt: 1, effectiveFrom: 2, revokedAt: 0 } as ImagePolicy;

/** What the client prints before it seals to a key, on a chain whose registry answers this. */
async function look(image: ImagePolicy | null, { isSimulated = false, claims = Claim.cpuOnly as number } = {}): Promise<string> {
  const registry = { getImage: async () => image, getIsSimulated: async () => isSimulated };
  const chain = { ton: { open: () => registry }, query: (ask: () => unknown) => ask() } as unknown as ChainClient;
  const lines: string[] = [];
  await requireAttested({ settings, chain, progress: (line) => void lines.push(line) }, { ...record, claims });
  return lines.join('\n');
}

describe('before it seals a prompt to an attested key, the client', () => {
  test('says where the prompt stays, as the image claims', async () => {
    assert.match(await look(inForce), /^the key is attested: image 1a1a.*TCB UpToDate; the prompt stays in the memory of the CPU$/);
    const gpu = Claim.gpuConfidential;
    assert.match(await look({ ...inForce, claims: gpu }, { claims: gpu }), /the prompt stays in a confidential GPU$/);
  });

  test('says that a SIMULATED platform proves nothing, and does not say where the prompt stays', async () => {
    const said = await look(inForce, { isSimulated: true });
    assert.match(said, /SIMULATED platform, which proves nothing/);
    assert.doesNotMatch(said, /stays/);
  });

  for (const [why, image] of [
    ['unknown', null], ['not in force yet', { ...inForce, effectiveFrom: 0 }], ['revoked', { ...inForce, revokedAt: 3 }],
  ] as const) {
    test(`finding 50: refuses a key whose image is ${why}`, async () => {
      await assert.rejects(look(image), { code: 'chain.image-not-in-force' });
    });
  }

  test('finding 48: refuses a key whose image claims neither way to keep the prompt inside, now or when the key was made', async () => {
    await assert.rejects(look({ ...inForce, claims: Claim.gpuConfidential }), { code: 'chain.claims' });
    await assert.rejects(look({ ...inForce, claims: 0 }), { code: 'chain.claims' });
    await assert.rejects(look(inForce, { claims: 0 }), { code: 'chain.claims' });
  });
});
