/** The package as npm would publish it, installed in a project that has nothing else. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const ROOT = join(__dirname, '../..');
export const PACKAGE = join(ROOT, 'build', 'sdk');

/** Runs the package's build step, which does nothing where no source changed. */
export function buildSdk(): void {
  execFileSync(process.execPath, [join(ROOT, 'scripts/build/sdk.mjs')], { stdio: 'pipe' });
}

export class PackedSdk {
  readonly folder = mkdtempSync(join(tmpdir(), 'cocoon-sdk-'));
  readonly tarball: string;

  constructor() {
    buildSdk();
    const said = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--offline', '--pack-destination', this.folder], { cwd: PACKAGE, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    this.tarball = join(this.folder, (JSON.parse(said) as { filename: string }[])[0].filename);
  }

  /** An empty project with the package and these others, as links to this project's. */
  project(name: string, others: string[]): string {
    const project = join(this.folder, name);
    const installed = join(project, 'node_modules', 'open-cocoon');
    mkdirSync(installed, { recursive: true });
    execFileSync('tar', ['-xzf', this.tarball, '-C', installed, '--strip-components=1']);
    for (const other of others) {
      const link = join(project, 'node_modules', other);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', other), link);
    }
    writeFileSync(join(project, 'package.json'), '{"private":true}');
    return project;
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
