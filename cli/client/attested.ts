import { AttestationRegistry, Claim, TCB_STATUS, type WorkerKeyRecord } from '../../wrappers';
import type { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import type { Settings } from '../config/resolve';
import { registryOf } from './registry';

/**
 * The last look at an attested key before a prompt is sealed to it: its image is in force now, whatever the stake recorded
 * (attacks 50), and says that only the trust domain, or a confidential GPU that it verified, sees the prompt (attacks 48).
 * @throws ChainStateError `chain.image-not-in-force`, `chain.claims`
 */
export async function requireAttested(
  { settings, chain, progress }: { settings: Settings; chain: ChainClient; progress: (line: string) => void }, record: WorkerKeyRecord,
): Promise<void> {
  const registry = chain.ton.open(AttestationRegistry.fromAddress(await registryOf(settings)));
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
  const isSimulated = await chain.query(() => registry.getIsSimulated());
  const where = (image.claims & Claim.cpuOnly) !== 0 ? 'the memory of the CPU' : 'a confidential GPU';
  progress(
    isSimulated
      ? `the key is attested by a SIMULATED platform, which proves nothing: image ${hash.slice(0, 16)}`
      : `the key is attested: image ${hash.slice(0, 16)}, TCB ${TCB_STATUS[record.tcbStatus]}; the prompt stays in ${where}`,
  );
}
