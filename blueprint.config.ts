import type { Config } from '@ton/blueprint';

const { writeArtefacts } = require('./scripts/build/artefacts.js');

// `blueprint build --all` alone leaves the right artefacts: plugins cannot extend `build`, so this runs as it exits.
if (process.argv[2] === 'build') {
  process.on('exit', (code) => {
    if (code === 0) console.log(`Artefacts: ${writeArtefacts(__dirname).join(', ')}`);
  });
}

/** Tact options live in tact.config.json, which Blueprint, misti, tact-fmt and the tact CLI all read. */
export const config: Config = {};

// ts-node takes seconds to translate what a script imports; the same esbuild that runs the command line does not.
if (process.argv[2] === 'run') require('tsx/cjs');
