/** Our prover and snarkjs, each in a process of its own, taking turns on one circuit, key and witness. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { constraintsOf, createCircuit } from '../../circuits/circuit';
import { type ProofMillis, ProverProcess, type ProvenInChild } from '../../circuits/groth16';
import { witnessOf } from '../../circuits/witness';
import { writeWtns } from '../../circuits/wtnsFile';
import { insecureKey } from './insecureKey';
import { randomModel } from './randomModel';
import { snarkjsProof } from './snarkjsProof';

const SNARKJS_DRIVER = join(__dirname, 'snarkjsDriver.mjs');
const THREADS = 2;
/** Before anything counts: code is compiled and memory is there. */
const WARM_UP = 2;

export interface ProverReport {
  constraints: number;
  wires: number;
  /** Wires that are neither 0 nor 1. */
  fullWires: number;
  domain: number;
  threads: number;
  /** Median of proofs in a warm process, each verified before it is handed out. */
  warmProofMillis: number;
  /** Process, key and first proof. */
  coldProofMillis: number;
  /** Median of its warm `groth16.prove` calls in the same minutes, which verify nothing. */
  snarkjsMillis: number;
  peakRssMb: number;
  snarkjsPeakRssMb: number;
  /** More than after the first proofs. */
  rssGrowthMb: number;
  provingKeyMb: number;
  /** Medians: by the clock for total and verify, else the two threads' work together. */
  millis: ProofMillis;
  loadAverage: number;
}

interface SnarkjsAnswer { millis: number; verified: boolean; peakRssMb: number }

/** @param proofs of each prover that count */
export async function measureProver(proofs: number, progress: (line: string) => void): Promise<ProverReport> {
  const { model, values } = randomModel(784);
  const circuit = createCircuit(model);
  const r1cs = constraintsOf(circuit);
  const witness = witnessOf(circuit, { values, salt: 12345n, context: 67890n }).wires;
  progress(`${r1cs.constraints.length} constraints, ${r1cs.wires} wires; making an insecure key`);
  const key = insecureKey(r1cs, 'bench');
  const wtns = writeWtns(witness);
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-bench-zk-'));
  const files = { zkey: join(folder, 'INSECURE.zkey'), wtns: join(folder, 'random.wtns') };
  writeFileSync(files.zkey, key);
  writeFileSync(files.wtns, wtns);
  const snarkjs = fork(SNARKJS_DRIVER, [files.zkey, files.wtns], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = once(snarkjs, 'exit').then(() => { throw new Error('snarkjs ended'); });
  ended.catch(() => {});
  const ask = async <Reply>(message: object): Promise<Reply> => {
    const answer = once(snarkjs, 'message');
    snarkjs.send(message);
    return ((await Promise.race([answer, ended])) as [Reply])[0];
  };
  const started = performance.now();
  const prover = await ProverProcess.start(files.zkey, { threads: THREADS });
  try {
    const ours: ProvenInChild[] = [];
    const theirs: SnarkjsAnswer[] = [];
    let coldProofMillis = 0;
    for (let i = 0; i < WARM_UP + proofs; i++) {
      ours.push(await prover.prove(wtns));
      if (i === 0) coldProofMillis = performance.now() - started;
      theirs.push(await ask<SnarkjsAnswer>({}));
      if (!theirs[i].verified) throw new Error('snarkjs does not verify its own proof');
      const { proof, publicSignals } = ours[i];
      const { verified } = await ask<{ verified: boolean }>({ verify: { proof: snarkjsProof(proof), publicSignals: publicSignals.map(String) } });
      if (!verified) throw new Error('snarkjs does not verify our proof');
      progress(`proof ${i + 1}: ${ours[i].millis.total.toFixed(0)} ms, snarkjs ${theirs[i].millis.toFixed(0)} ms`);
    }
    const warm = ours.slice(WARM_UP);
    const millis = Object.fromEntries((Object.keys(ours[0].millis) as (keyof ProofMillis)[]).map((part) => [part, rounded(median(warm.map((one) => one.millis[part])))])) as ProofMillis;
    return {
      constraints: r1cs.constraints.length, wires: r1cs.wires, fullWires: witness.filter((value) => value > 1n).length,
      domain: 2 ** Math.ceil(Math.log2(r1cs.constraints.length + r1cs.publicSignals + 1)), threads: THREADS,
      warmProofMillis: millis.total, coldProofMillis: rounded(coldProofMillis), snarkjsMillis: rounded(median(theirs.slice(WARM_UP).map((one) => one.millis))),
      peakRssMb: rounded(ours.at(-1)!.peakRssMb), snarkjsPeakRssMb: rounded(theirs.at(-1)!.peakRssMb), rssGrowthMb: rounded(ours.at(-1)!.peakRssMb - ours[WARM_UP].peakRssMb),
      provingKeyMb: rounded(key.length / 2 ** 20), millis, loadAverage: rounded(loadavg()[0]),
    };
  } finally {
    await prover.close();
    if (snarkjs.connected) snarkjs.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

const rounded = (number: number): number => Math.round(number * 10) / 10;
const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
