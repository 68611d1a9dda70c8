/**
 * A setup as a folder that goes from hand to hand: phase 1 (powers of tau, for any circuit of its size), then phase 2 (for one
 * circuit). Every contribution and both beacons are a file each, and the transcript has the hash of every one.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readProvingKey } from '../groth16/zkey';
import { readContributions } from './contributions';
import { SetupError } from './errors';
import { hashOf } from './keyRecord';
import { runSnarkjs } from './snarkjs';

export interface Step {
  step: 'circuit' | 'begin' | 'contribute' | 'beacon' | 'prepare';
  phase: 1 | 2;
  file: string;
  sha256: string;
  /** Of a contribution: who. */
  name?: string;
  /** Of a beacon, in hex. */
  beacon?: string;
}
export interface Transcript { format: 'open-cocoon-setup-1'; curve: 'bls12-381'; power: number; steps: Step[] }

const CIRCUIT = 'circuit.r1cs';
/** Hashed 2^10 times, as is usual. */
const ITERATIONS_LOG = '10';
const MOST_POWER = 20;

/** Files that a finished setup ends with. */
export const PHASE1 = 'phase1-prepared.ptau';
export const KEY = 'phase2-beacon.zkey';

export class Ceremony {
  private constructor(readonly folder: string, readonly transcript: Transcript) {}

  /** @param power of 2: rows, at least the constraints, the public signals and one @throws SetupError `usage.setup.folder`, `usage.setup.power` */
  static async begin(folder: string, r1csFile: string, power: number): Promise<Ceremony> {
    if (existsSync(join(folder, 'transcript.json'))) throw new SetupError('usage.setup.folder', 'the folder has a setup already', { received: folder });
    if (!Number.isInteger(power) || power < 1 || power > MOST_POWER) throw new SetupError('usage.setup.power', 'the size of the setup is not known', { expected: `1..${MOST_POWER}`, received: String(power) });
    mkdirSync(folder, { recursive: true });
    copyFileSync(r1csFile, join(folder, CIRCUIT));
    const ceremony = new Ceremony(folder, { format: 'open-cocoon-setup-1', curve: 'bls12-381', power, steps: [] });
    ceremony.note({ step: 'circuit', phase: 2, file: CIRCUIT });
    await runSnarkjs(['powersoftau', 'new', 'bls12-381', String(power), ceremony.path('phase1-0.ptau')]);
    ceremony.note({ step: 'begin', phase: 1, file: 'phase1-0.ptau' });
    return ceremony;
  }

  /** @throws SetupError `usage.setup.folder` */
  static open(folder: string): Ceremony {
    const file = join(folder, 'transcript.json');
    if (!existsSync(file)) throw new SetupError('usage.setup.folder', 'the folder has no setup', { expected: 'transcript.json', received: folder });
    return new Ceremony(folder, JSON.parse(readFileSync(file, 'utf8')) as Transcript);
  }

  /** Adds somebody's secret, which nobody keeps. @returns the step, whose hash its contributor publishes @throws SetupError `usage.setup.over` */
  async contribute(name: string): Promise<Step> {
    const { phase, file } = this.current();
    const count = this.transcript.steps.filter((step) => step.phase === phase && step.step === 'contribute').length;
    const to = phase === 1 ? `phase1-${count + 1}.ptau` : `phase2-${count + 1}.zkey`;
    const command = phase === 1 ? 'powersoftau' : 'zkey';
    await runSnarkjs([command, 'contribute', this.path(file), this.path(to), `--name=${name}`], `${randomBytes(64).toString('hex')}\n`);
    return this.note({ step: 'contribute', phase, file: to, name });
  }

  /**
   * Ends a phase with randomness that nobody could foresee when the last contribution was published; after phase 1, begins phase 2.
   * @param beacon hex, at most 64 bytes
   * @throws SetupError `usage.setup.beacon`, `usage.setup.over`, `verification.setup.contributions`
   */
  async endPhase(beacon: string): Promise<void> {
    if (!/^([0-9a-f]{2}){1,64}$/.test(beacon)) throw new SetupError('usage.setup.beacon', 'this is no beacon', { expected: '1 to 64 bytes in lower-case hex', received: beacon.slice(0, 140) });
    const { phase, file, step } = this.current();
    if (step !== 'contribute') throw new SetupError('verification.setup.contributions', `nobody contributed to phase ${phase}`, { hint: 'npm run zk:setup -- contribute' });
    const to = phase === 1 ? 'phase1-beacon.ptau' : KEY;
    await runSnarkjs([phase === 1 ? 'powersoftau' : 'zkey', 'beacon', this.path(file), this.path(to), beacon, ITERATIONS_LOG, '--name=beacon']);
    this.note({ step: 'beacon', phase, file: to, beacon });
    if (phase === 2) return;
    await runSnarkjs(['powersoftau', 'prepare', 'phase2', this.path(to), this.path(PHASE1)]);
    this.note({ step: 'prepare', phase: 1, file: PHASE1 });
    await runSnarkjs(['groth16', 'setup', this.path(CIRCUIT), this.path(PHASE1), this.path('phase2-0.zkey')]);
    this.note({ step: 'begin', phase: 2, file: 'phase2-0.zkey' });
  }

  /**
   * That the files are those of the transcript, that every contribution of phase 1 follows from the one before, and that the key
   * follows from phase 1, the circuit and every contribution of phase 2. Takes as long as making the key.
   * @throws SetupError `verification.setup.hash`, `verification.setup.transcript`, `verification.setup.snarkjs`, and what refuses a key
   */
  async verify(): Promise<void> {
    for (const { file, sha256 } of this.transcript.steps) {
      // Whoever verifies needs the last files; those between are in them.
      if (!existsSync(this.path(file)) && ![CIRCUIT, PHASE1, KEY].includes(file)) continue;
      const there = existsSync(this.path(file)) ? hashOf(readFileSync(this.path(file))) : 'no file';
      if (there !== sha256) throw new SetupError('verification.setup.hash', `${file} is not the file of the transcript`, { expected: sha256, received: there });
    }
    const named = readContributions(readProvingKey(this.read(KEY)).contributions).map(({ name, beacon }) => beacon?.hex ?? name);
    const noted = this.transcript.steps.filter(({ phase, step }) => phase === 2 && (step === 'contribute' || step === 'beacon')).map(({ name, beacon }) => beacon ?? name);
    if (JSON.stringify(named) !== JSON.stringify(noted)) {
      throw new SetupError('verification.setup.transcript', 'the key has other contributions than the transcript', { expected: JSON.stringify(noted), received: JSON.stringify(named) });
    }
    await runSnarkjs(['powersoftau', 'verify', this.path(PHASE1)]);
    const said = await runSnarkjs(['zkey', 'verify', this.path(CIRCUIT), this.path(PHASE1), this.path(KEY)]);
    if (!said.includes('ZKey Ok!')) throw new SetupError('verification.setup.snarkjs', 'snarkjs does not confirm the key', { received: said.slice(-200) });
  }

  read(file: string): Buffer {
    return readFileSync(this.path(file));
  }

  get files(): { zkey: Buffer; r1cs: Buffer; phase1: Buffer } {
    return { zkey: this.read(KEY), r1cs: this.read(CIRCUIT), phase1: this.read(PHASE1) };
  }

  private path(file: string): string {
    return join(this.folder, file);
  }

  /** The step that the next one builds on. */
  private current(): Step {
    const last = this.transcript.steps.at(-1)!;
    if (last.file === KEY) throw new SetupError('usage.setup.over', 'both phases of this setup have ended', { received: this.folder });
    if (last.step === 'beacon' || last.step === 'prepare') throw new SetupError('usage.setup.over', 'the setup was cut between two phases', { hint: 'begin it anew from the contributions' });
    return last;
  }

  private note(step: Omit<Step, 'sha256'>): Step {
    const noted: Step = { ...step, sha256: hashOf(this.read(step.file)) };
    this.transcript.steps.push(noted);
    writeFileSync(this.path('transcript.json'), `${JSON.stringify(this.transcript, null, 1)}\n`);
    return noted;
  }
}
