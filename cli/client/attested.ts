import type { Address } from '@ton/core';
import { AttestationRegistry, AttestedKey, Claim, Collateral, TCB_STATUS, type WorkerKeyRecord } from '../../wrappers';
import type { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { ATTEST_WORDS } from '../attest/reasons';
import type { Settings } from '../config/resolve';
import { sameBytes } from '../provider/account';
import { attestationRoot, registryOf } from './registry';

interface Look {
  settings: Settings;
  chain: ChainClient;
  progress: (line: string) => void;
}

/**
 * The last look at an attested key before a prompt is sealed to it, whatever the stake recorded (attacks 48, 50): its image is in
 * force now and says that only the trust domain, or a confidential GPU that it verified, sees the prompt; and its platform is
 * still one that the registry takes.
 * @throws ChainStateError `chain.image-not-in-force`, `chain.claims`, `chain.platform`, `chain.simulated`
 */
export async function requireAttested(look: Look, record: WorkerKeyRecord, provider: { owner: Address; stake: Address }): Promise<void> {
  const { settings, chain, progress } = look;
  const address = await registryOf(settings);
  const registry = chain.ton.open(AttestationRegistry.fromAddress(address));
  const image = await chain.query(() => registry.getImage(record.imageHash));
  const hash = Buffer.from(record.imageHash).toString('hex');
  if (image === null || image.effectiveFrom === 0 || image.revokedAt !== 0) {
    throw new ChainStateError('chain.image-not-in-force', 'the image of this key is not in force any more', {
      expected: 'an image in force', received: `${hash}${image?.revokedAt ? ', revoked' : ''}`,
      hint: 'anybody can end the key: cocoon attest recheck STAKE KEY; choose another worker',
    });
  }
  const keepsInside = [Claim.cpuOnly, Claim.gpuConfidential].some((claim) => (image.claims & record.claims & claim) !== 0);
  if (!keepsInside) {
    throw new ChainStateError('chain.claims', 'the image does not claim to keep the prompt inside', {
      expected: 'cpuOnly or gpuConfidential', received: `claims ${image.claims}`,
    });
  }
  await requirePlatform(look, address, record, provider);
  const isSimulated = await chain.query(() => registry.getIsSimulated());
  if (isSimulated && settings.network !== 'devnet') {
    throw new ChainStateError('chain.simulated', 'the attestations of this registry end in a SIMULATED root and prove nothing', {
      expected: 'a registry of Intel\'s root', received: address.toRawString(), hint: 'check --registry',
    });
  }
  const where = (image.claims & record.claims & Claim.cpuOnly) !== 0 ? 'the memory of the CPU' : 'a confidential GPU';
  progress(
    isSimulated
      ? `the key is attested by a SIMULATED platform, which proves nothing: image ${hash.slice(0, 16)}`
      : `the key is attested: image ${hash.slice(0, 16)}, TCB ${TCB_STATUS[record.tcbStatus]}; the prompt stays in ${where}`,
  );
}

/** What the key's own account verified last is what the stake recorded, and collateral and registry say nothing against it now. */
async function requirePlatform({ settings, chain }: Look, registry: Address, record: WorkerKeyRecord, { owner, stake }: { owner: Address; stake: Address }): Promise<void> {
  const refuse = (received: string): never => {
    throw new ChainStateError('chain.platform', 'the platform of this key is not what it was when it was attested', {
      expected: 'a platform that the registry takes', received, hint: 'anybody can end the key: cocoon attest recheck STAKE KEY; choose another worker',
    });
  };
  const root = await attestationRoot(chain, registry);
  const key = await AttestedKey.fromScope({ networkId: settings.networkId, registry, owner, stake, workerKey: record.workerKey, root });
  const { attested } = await chain.query(() => chain.ton.open(key).getStatus());
  if (attested === null || !sameBytes(attested.sealingKey, record.sealingKey) || !sameBytes(attested.imageHash, record.imageHash)) {
    return refuse('its account verified another quote since');
  }
  const { fmspc, isProcessorCa, platform } = attested;
  const collateral = await Collateral.fromScope({ registry, root, fmspc, isProcessorCa });
  const { reason, tcbStatus, evaluation } = await chain.query(() => chain.ton.open(collateral).getJudged(platform));
  const { tcbStatuses = [], leastEvaluation = 0 } = await chain.query(() => chain.ton.open(AttestationRegistry.fromAddress(registry)).getGovernance());
  if (reason !== 'fine') refuse(ATTEST_WORDS[reason]);
  if (evaluation < leastEvaluation) refuse(ATTEST_WORDS['old-evaluation']);
  if (!tcbStatuses.includes(tcbStatus)) refuse(`TCB ${tcbStatus}`);
}
