import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../..');
const folder = path.join(root, 'tests/mutations');
const patches = fs.readdirSync(folder).filter((name) => name.endsWith('.patch'));

describe('planted bugs', () => {
  it('are at least 25', () => expect(patches.length).toBeGreaterThanOrEqual(25));

  it.each(patches)('%s applies to the sources and names the suite that catches it', (name) => {
    const file = path.join(folder, name);
    const { status, stderr } = spawnSync('git', ['apply', '--check', file], { cwd: root, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const suites = /^# caught by: (.+)$/m.exec(fs.readFileSync(file, 'utf8'))![1].split(' ');
    for (const suite of suites) expect(suite).toMatch(/^tests\/(escrow|checkedEscrow|staking|registry|consumer|attacks|attest|collateral|channel|disputes|zk)/);
  });
});
