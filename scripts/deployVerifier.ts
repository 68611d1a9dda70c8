import { beginCell } from '@ton/core';
import { dateOf } from '../cli/provider/account';
import { sendAndWait } from '../cli/provider/send';
import { Groth16Verifier, OP_CHECK_VERIFICATION_KEY, parseVerifierData, VERIFIER_ERRORS } from '../wrappers/zk';
import { conclude } from './deploy/check';
import { requirePublished, script, type Deployment } from './deploy/deployment';
import { required } from './deploy/parameters';
import { payerOf } from './deploy/payer';
import { checkSetup, checkVerifier, readKeyFile, refuseOnMainnet } from './deploy/verifier';

/** Five years of rent stay, the rest returns. */
const RENT_NANO = 300_000_000n;

/**
 * Deploys a Groth16Verifier, unless it is there, and checks it. Parameters: verificationKey, the record of a key; optional: shard
 * (0), rent. Key, setup and shard make the address. A key under which anybody can forge is refused, and a development key on
 * mainnet, before anything is sent.
 */
export async function deployVerifier(deployment: Deployment): Promise<void> {
  const { chain, parameters, pollMillis, print } = deployment;
  const { key, setup } = readKeyFile(required(parameters, ['verificationKey']).verificationKey);
  checkSetup(setup);
  const isDevelopment = setup.kind === 'development';
  refuseOnMainnet(isDevelopment, deployment);
  const identity = { key, isDevelopment, shard: parameters.shard ?? 0 };
  const verifier = await Groth16Verifier.fromIdentity(identity);
  requirePublished('Groth16Verifier', verifier.init!.code);
  const wallet = payerOf(deployment);
  const seqno = await wallet.seqno();
  const { data } = await chain.getAccount(verifier.address);
  if (data !== null && parseVerifierData(data).isChecked) {
    print('deployed', 'before: nothing is sent');
  } else {
    const { now } = await sendAndWait(
      { chain, wallet, pollMillis },
      {
        what: 'deployment of the verifier',
        to: verifier.address,
        value: parameters.rent ?? RENT_NANO,
        body: () => beginCell().storeUint(OP_CHECK_VERIFICATION_KEY, 32).endCell(),
        init: verifier.init,
        seqno,
        receiver: { name: 'verifier', errors: VERIFIER_ERRORS, hint: 'give it more rent: COCOON_RENT' },
      },
    );
    print('deployed', `now, ${dateOf(now)}`);
  }
  const findings = await checkVerifier(deployment, verifier.address, identity);
  conclude(deployment, 'Groth16Verifier', findings, `COCOON_VERIFIER=${verifier.address.toRawString()}`);
}

export const run = script(deployVerifier);
