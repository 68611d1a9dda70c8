import fs from 'node:fs';
import path from 'node:path';
import { Cell } from '@ton/core';
import { CHECK_NAMES, checksRoot, RECEIPT_CHECK_NAMES } from '../disputes/checkTree';
import { jobEscrowCode } from '../wrappers';

const build = path.join(__dirname, '../build');

describe('build artefacts', () => {
  it('are one per contract, with the code that the SDK deploys', async () => {
    const artefacts = fs.readdirSync(build).filter((file) => file.endsWith('.compiled.json'));
    expect(artefacts.sort()).toEqual(
      [
        'AttestationRegistry', 'AttestedKey', 'CheckedJobEscrow', 'Collateral', 'Groth16Verifier', 'JobEscrow', 'JudgedBounty', 'ModelLayout',
        'ModeratedRewards', 'PaymentChannel', 'ProviderStake', 'QuoteChecker', 'SlashingCase', 'ZkJobEscrow', ...CHECK_NAMES, ...RECEIPT_CHECK_NAMES,
      ].sort().map((name) => `${name}.compiled.json`),
    );
    const artefact = JSON.parse(fs.readFileSync(path.join(build, 'JobEscrow.compiled.json'), 'utf8'));
    const code = await jobEscrowCode();
    expect(artefact.hash).toBe(code.hash().toString('hex'));
    expect(artefact.hashBase64).toBe(code.hash().toString('base64'));
    expect(Cell.fromHex(artefact.hex).equals(code)).toBe(true);
  });

  it('finding 36: have the hashes that contracts know each other by', () => {
    const pinned = fs.readFileSync(path.join(__dirname, '../contracts/lib/codes.tact'), 'utf8');
    for (const [constant, name] of [['COLLATERAL', 'Collateral'], ['ATTESTED_KEY', 'AttestedKey'], ['GROTH16_VERIFIER', 'Groth16Verifier']]) {
      const { hash, hex } = JSON.parse(fs.readFileSync(path.join(build, `${name}.compiled.json`), 'utf8'));
      expect(pinned).toContain(`const ${constant}_CODE_HASH: Int = 0x${hash};`);
      expect(pinned).toContain(`const ${constant}_CODE_DEPTH: Int = ${Cell.fromHex(hex).depth()};`);
    }
  });

  it('are the checks that a case knows', async () => {
    for (const [folder, names] of [['checks', CHECK_NAMES], ['receiptChecks', RECEIPT_CHECK_NAMES]] as const) {
      expect(fs.readdirSync(path.join(__dirname, '../contracts/slashing', folder)).sort()).toEqual(names.map((name) => `${name}.tact`));
    }
    const pinned = fs.readFileSync(path.join(__dirname, '../contracts/slashing/checksRoot.tact'), 'utf8');
    expect(pinned).toContain(`const CHECKS_ROOT: Int = 0x${Buffer.from(await checksRoot()).toString('hex')};`);
  });

  it('stay small: every bit of JobEscrow is paid for twice per job', async () => {
    let bits = 0;
    let cells = 0;
    const visit = (cell: Cell): void => {
      bits += cell.bits.length;
      cells += 1;
      cell.refs.forEach(visit);
    };
    visit(await jobEscrowCode());
    expect({ cells, bits }).toEqual({ cells: 3, bits: 2584 });
  });
});
