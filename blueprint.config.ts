import type { Config } from '@ton/blueprint';

const { projects } = require('./tact.config.json');
const { writeArtefacts } = require('./scripts/build/artefacts.js');

// `blueprint build` of one project or of all leaves the right artefacts: plugins cannot extend it, so this runs as it exits.
if (process.argv[2] === 'build') {
  process.on('exit', (code) => {
    const names = projects.map(({ name }: { name: string }) => name);
    const built = names.filter((name: string) => name === process.argv[3]);
    if (code === 0) console.log(`Artefacts: ${writeArtefacts(__dirname, built.length > 0 ? built : names).join(', ')}`);
  });
}

/** Tact options live in tact.config.json, which Blueprint, misti, tact-fmt and the tact CLI all read. */
export const config: Config = {};

// ts-node takes seconds to translate what a script imports; the same esbuild that runs the command line does not.
if (process.argv[2] === 'run') require('tsx/cjs');
