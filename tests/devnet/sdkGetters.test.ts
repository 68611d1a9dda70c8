import assert from 'node:assert/strict';
import { test } from 'node:test';
import { internal, type Sender, SendMode, toNano } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import { WalletContractV4 } from '@ton/ton';
import { JudgedBounty } from '../../examples/bounty/JudgedBounty';
import { keyClaimHash } from '../../protocol';
import { AttestationRegistry, Claim, ProviderStake } from '../../wrappers';
import { advance, fund, sharedDevnet, START, strangerOf } from './helpers';

const NETWORK_ID = 2026;
const bytes = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const worker = keyPairFromSeed(Buffer.alloc(32, 2));
const shared = sharedDevnet();

test('every get-method of the SDK reads through TonClient what was sent through it', async () => {
  const { devnet, client } = shared;
  const { publicKey, secretKey } = keyPairFromSeed(Buffer.alloc(32, 1));
  const wallet = client.open(WalletContractV4.create({ workchain: 0, publicKey }));
  const via: Sender = {
    address: wallet.address,
    async send({ to, value, init, body }) {
      const messages = [internal({ to, value, init, body })];
      const seqno = await wallet.getSeqno();
      // The devnet's clock is not the machine's.
      const timeout = 0xffffffff;
      await wallet.sendTransfer({ seqno, secretKey, messages, sendMode: SendMode.PAY_GAS_SEPARATELY, timeout });
    },
  };
  await fund(devnet, wallet.address, toNano('20'));
  const governance = { governor: wallet.address, guardian: strangerOf(1), builders: [bytes(7)], threshold: 1 };
  const registry = client.open(await AttestationRegistry.fromGovernance({ networkId: NETWORK_ID, ...governance }));
  await registry.sendTopUp(via, { value: toNano('1') });
  await registry.sendProposeImage(via, { value: toNano('0.2'), imageHash: bytes(9), claims: Claim.cpuOnly });
  assert.equal(await registry.getProposedGovernance(), null);
  const next = { ...governance, guardian: strangerOf(2) };
  await registry.sendProposeGovernance(via, { value: toNano('0.2'), next });

  const proposal = (await registry.getProposedGovernance())!;
  assert.ok(proposal.next.guardian.equals(strangerOf(2)));
  assert.ok(proposal.proposedAt >= START);
  const { governor, guardian, builders, threshold } = await registry.getGovernance();
  assert.ok(governor.equals(wallet.address) && guardian.equals(strangerOf(1)));
  assert.deepEqual([builders.map(([byte]) => byte), threshold], [[7], 1]);
  const image = (await registry.getImage(bytes(9)))!;
  assert.deepEqual([image.claims, image.effectiveFrom, image.revokedAt], [Claim.cpuOnly, 0, 0]);
  assert.equal(await registry.getImage(bytes(8)), null);
  assert.deepEqual((await registry.getImages()).map(({ imageHash }) => imageHash[0]), [9]);
  assert.equal(await registry.isEffective(bytes(9)), false);
  await advance(devnet, 7 * 86_400 + 60);
  await registry.sendActivateImage(via, { value: toNano('0.2'), imageHash: bytes(9) });
  assert.equal(await registry.isEffective(bytes(9)), true);
  assert.equal(await registry.getEpoch(), 0);
  assert.ok((await registry.getPaidUntil()) > START);

  const parameters = { networkId: NETWORK_ID, registry: registry.address, owner: wallet.address };
  const stake = client.open(await ProviderStake.fromOwner(parameters));
  assert.ok((await registry.getStakeOf(wallet.address)).equals(stake.address));
  await stake.sendDeposit(via, { value: toNano('5'), amount: toNano('2') });
  const key = { sealingKey: bytes(60), endUnix: START + 30 * 86_400 };
  const claim = { networkId: NETWORK_ID, stake: new Uint8Array(stake.address.hash), ...key };
  const proof = sign(Buffer.from(keyClaimHash(claim)), worker.secretKey);
  await stake.sendAddWorkerKey(via, { value: toNano('0.2'), workerKey: worker.publicKey, proof, ...key });
  const endpoint = 'https://gpu.example.org';
  await stake.sendSetDescriptor(via, { value: toNano('0.2'), endpoint, descriptorHash: bytes(5) });

  const status = await stake.getStatus();
  assert.deepEqual([status.active, status.keyCount, status.endpoint], [toNano('2'), 1, endpoint]);
  const record = (await stake.getWorkerKey(worker.publicKey))!;
  assert.deepEqual([record.endUnix, record.sealingKey[0], record.removedAt], [key.endUnix, 60, 0]);
  assert.deepEqual(await stake.getWorkerKeys(), [record]);
  assert.equal(await stake.getWorkerKey(bytes(1)), null);
  assert.equal(await stake.isConvicted(strangerOf(3)), false);

  const offer = { provider: wallet.address, payout: wallet.address, workerKey: worker.publicKey, price: toNano('0.05') };
  const model = { modelRoot: bytes(8), stopToken: 10, maxTokens: 20, winningToken: 77 };
  const config = { networkId: NETWORK_ID, registry: registry.address, sponsor: wallet.address, ...offer, ...model };
  const bounty = client.open(await JudgedBounty.fromConfig(config));
  await bounty.sendFund(via, toNano('3'));
  assert.ok((await bounty.getBounty()) > toNano('2'));
  assert.deepEqual(await bounty.getOpenJobs(), []);
  await bounty.sendTry(via, { value: await bounty.getTryValue(), tokens: [3, 4, 5] });
  const [job] = await bounty.getOpenJobs();
  assert.equal(job.note, BigInt(`0x${wallet.address.hash.toString('hex')}`));
});
