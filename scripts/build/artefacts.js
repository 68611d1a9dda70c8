// Blueprint writes the first code it finds into build/<project>.compiled.json, which is a child's code as soon as a
// project holds several contracts. This writes one artefact per contract, in Blueprint's format, from the compiler's
// own output, and removes the misleading file. tests/artefacts.spec.ts checks the hashes.
const fs = require('node:fs');
const path = require('node:path');

/** @param projects of tact.config.json @returns names of their contracts */
function writeArtefacts(root, projects) {
  const { Cell } = require('@ton/core');
  const build = path.join(root, 'build');
  const written = [];
  for (const project of projects) {
    for (const file of fs.readdirSync(path.join(build, project))) {
      const match = new RegExp(`^${project}_(\\w+)\\.code\\.boc$`).exec(file);
      if (!match) continue;
      const code = Cell.fromBoc(fs.readFileSync(path.join(build, project, file)))[0];
      const artefact = {
        hash: code.hash().toString('hex'),
        hashBase64: code.hash().toString('base64'),
        hex: code.toBoc().toString('hex'),
      };
      fs.writeFileSync(path.join(build, `${match[1]}.compiled.json`), JSON.stringify(artefact, null, 2) + '\n');
      written.push(match[1]);
    }
    fs.rmSync(path.join(build, `${project}.compiled.json`), { force: true });
  }
  return written;
}

module.exports = { writeArtefacts };
