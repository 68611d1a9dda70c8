// snarkjs in a process of its own, warm: answers each message with a proof's milliseconds, or whether a proof verifies.
import * as snarkjs from 'snarkjs';

const [, , zkey, wtns] = process.argv;
const key = await snarkjs.zKey.exportVerificationKey(zkey);

process.on('message', async ({ verify }) => {
  if (verify) return process.send({ verified: await snarkjs.groth16.verify(key, verify.publicSignals, verify.proof) });
  const started = performance.now();
  const { proof, publicSignals } = await snarkjs.groth16.prove(zkey, wtns);
  const millis = performance.now() - started;
  process.send({ millis, verified: await snarkjs.groth16.verify(key, publicSignals, proof), peakRssMb: process.resourceUsage().maxRSS / 1024 });
});
process.on('disconnect', () => process.exit(0));
