import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Address, Cell } from '@ton/core';
import { type Attestation, Claim, type CollateralAnswer, type Governance, TCB_STATUS, type ImagePolicy, type WorkerKeyRecord } from '../../wrappers';
import type { ChainClient } from '../../worker/chain/chainClient';
import { requireAttested } from '../../cli/client/attested';
import type { Settings } from '../../cli/config/resolve';

const settings = { network: 'testnet', networkId: -3, registry: `0:${'ab'.repeat(32)}` } as Settings;
const owner = new Address(0, Buffer.alloc(32, 1));
const record = { workerKey: new Uint8Array(32), sealingKey: new Uint8Array(32).fill(2), imageHash: new Uint8Array(32).fill(0x1a), claims: Claim.cpuOnly, tcbStatus: TCB_STATUS.indexOf('UpToDate') } as WorkerKeyRecord;
const inForce = { imageHash: record.imageHash, claims: Claim.cpuOnly, proposedAt: 1, effectiveFrom: 2, revokedAt: 0 } as ImagePolicy;

interface OnChain {
  network: Settings['network'];
  isSimulated: boolean;
  claims: number;
  attested: Partial<Attestation> | null;
  judged: Partial<CollateralAnswer>;
  governance: Partial<Governance>;
}

/** What the client prints before it seals to a key, on a chain whose registry answers this. */
async function look(image: ImagePolicy | null, { network = 'testnet', isSimulated = false, claims = Claim.cpuOnly, attested = {}, judged = {}, governance = {} }: Partial<OnChain> = {}): Promise<string> {
  const last = { sealingKey: record.sealingKey, imageHash: record.imageHash, fmspc: 1n, isProcessorCa: false, platform: Cell.EMPTY };
  // Registry, key's account and collateral in one.
  const account = {
    getImage: async () => image, getIsSimulated: async () => isSimulated, getStatus: async () => ({ attested: attested && { ...last, ...attested } }),
    getJudged: async () => ({ reason: 'fine', tcbStatus: 'UpToDate', evaluation: 17, ...judged }),
    getGovernance: async () => ({ tcbStatuses: ['UpToDate'], leastEvaluation: 17, ...governance }),
  };
  const ton = { open: () => account };
  const chain = { ton, query: (ask: (of: typeof ton) => unknown) => ask(ton) } as unknown as ChainClient;
  const lines: string[] = [];
  await requireAttested({ settings: { ...settings, network }, chain, progress: (line) => void lines.push(line) }, { ...record, claims }, { owner, stake: owner });
  return lines.join('\n');
}

describe('before it seals a prompt to an attested key, the client', () => {
  test('says where the prompt stays, as the image claims', async () => {
    assert.match(await look(inForce), /^the key is attested: image 1a1a.*TCB UpToDate; the prompt stays in the memory of the CPU$/);
    const gpu = Claim.gpuConfidential;
    assert.match(await look({ ...inForce, claims: gpu }, { claims: gpu }), /the prompt stays in a confidential GPU$/);
  });

  test('says that a SIMULATED platform proves nothing, and does not say where the prompt stays', async () => {
    const said = await look(inForce, { isSimulated: true, network: 'devnet' });
    assert.match(said, /SIMULATED platform, which proves nothing/);
    assert.doesNotMatch(said, /stays/);
  });

  test('takes a SIMULATED platform on a devnet alone', async () => {
    for (const network of ['testnet', 'mainnet'] as const) await assert.rejects(look(inForce, { isSimulated: true, network }), { code: 'chain.simulated' });
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

  for (const [why, on] of [
    ['was revoked', { judged: { reason: 'certificate-revoked' } }], ['is out of date now', { judged: { tcbStatus: 'OutOfDate' } }],
    ['is judged by collateral older than the registry takes', { judged: { evaluation: 16 } }], ['has no collateral that holds', { judged: { reason: 'collateral-expired' } }],
    ['the registry does not take any more', { governance: { tcbStatuses: [] } }],
  ] as [string, Partial<OnChain>][]) {
    test(`finding 50: refuses a key whose platform ${why}, though nobody rechecked it`, async () => {
      await assert.rejects(look(inForce, on), { code: 'chain.platform' });
    });
  }

  test('finding 50: refuses a key whose account verified nothing, or something else than the stake recorded', async () => {
    await assert.rejects(look(inForce, { attested: null }), { code: 'chain.platform' });
    await assert.rejects(look(inForce, { attested: { sealingKey: new Uint8Array(32) } }), { code: 'chain.platform' });
    await assert.rejects(look(inForce, { attested: { imageHash: new Uint8Array(32) } }), { code: 'chain.platform' });
    assert.match(await look(inForce, { governance: { tcbStatuses: ['UpToDate', 'OutOfDate'] }, judged: { tcbStatus: 'OutOfDate' } }), /the key is attested/);
  });
});
