/** `npm run zk:setup`: the steps of a setup, one command each. docs/zk-setup.md says who runs which. */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { CocoonError } from '../../protocol/errors';
import { Ceremony } from './ceremony';
import { hashOf, keyRecord } from './keyRecord';

const program = new Command('npm run zk:setup --').description('setups of proving keys');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

program.command('begin <folder>').description('a new setup: phase 1 without contributions')
  .requiredOption('--r1cs <file>', 'the frozen constraints').requiredOption('--power <n>', 'rows of the domain, as a power of 2')
  .action(async (folder: string, { r1cs, power }: { r1cs: string; power: string }) => {
    await Ceremony.begin(folder, r1cs, Number(power));
  });

program.command('contribute <folder>').description('adds a contribution to the phase that the setup is in')
  .requiredOption('--name <name>', 'who contributes')
  .action(async (folder: string, { name }: { name: string }) => {
    const { file, sha256 } = await Ceremony.open(folder).contribute(name);
    say(`${file} ${sha256}`);
  });

program.command('beacon <folder>').description('ends a phase; after phase 1, begins phase 2')
  .requiredOption('--beacon <hex>', 'public randomness of a moment that was announced before')
  .action(async (folder: string, { beacon }: { beacon: string }) => {
    await Ceremony.open(folder).endPhase(beacon);
  });

program.command('verify <folder>').description('checks a finished setup from its files')
  .action(async (folder: string) => {
    await Ceremony.open(folder).verify();
    say('the key follows from the constraints and every contribution');
  });

program.command('record <folder>').description('verifies, then writes the record of the verification key that contracts are made from')
  .requiredOption('--kind <development|ceremony>', 'what the key may be used for').requiredOption('--out <file>', 'JSON')
  .action(async (folder: string, { kind, out }: { kind: string; out: string }) => {
    const ceremony = Ceremony.open(folder);
    await ceremony.verify();
    writeFileSync(out, `${JSON.stringify(keyRecord(kind === 'ceremony' ? 'ceremony' : 'development', ceremony.files), null, 1)}\n`);
  });

program.command('development <folder>').description('a whole setup by one person, whose key only tests and testnets may use')
  .requiredOption('--r1cs <file>', 'the frozen constraints').requiredOption('--power <n>', 'rows of the domain, as a power of 2')
  .action(async (folder: string, { r1cs, power }: { r1cs: string; power: string }) => {
    const ceremony = await Ceremony.begin(folder, r1cs, Number(power));
    for (const phase of [1, 2]) {
      const { file } = await ceremony.contribute(`development ${phase}`);
      // Whoever made the contribution knows it beforehand: a beacon in form alone.
      await ceremony.endPhase(hashOf(ceremony.read(file)));
    }
    await ceremony.verify();
  });

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof CocoonError ? `${error.code}: ${error.message}` : String(error)}\n`);
  process.exitCode = 1;
});
