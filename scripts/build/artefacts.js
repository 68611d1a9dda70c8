// Blueprint writes the first code it finds into build/<project>.compiled.json, which is a child's code as soon as a
// project holds several contracts. This writes one artefact per contract, in Blueprint's format, from the compiler's
// own output, and removes the misleading file. tests/artefacts.spec.ts checks the hashes.
const fs = require('node:fs');
const path = require('node:path');

function writeArtefacts(root) {
  const { Cell } = require('@ton/core');
  const build = path.join(root, 'build');
  const suite = path.join(build, 'Suite');
  const written = [];
  for (const file of fs.readdirSync(suite)) {
    const match = /^Suite_(\w+)\.code\.boc$/.exec(file);
    if (!match) continue;
    const code = Cell.fromBoc(fs.readFileSync(path.join(suite, file)))[0];
    const artefact = {
      hash: code.hash().toString('hex'),
      hashBase64: code.hash().toString('base64'),
      hex: code.toBoc().toString('hex'),
    };
    fs.writeFileSync(path.join(build, `${match[1]}.compiled.json`), JSON.stringify(artefact, null, 2) + '\n');
    written.push(match[1]);
  }
  fs.rmSync(path.join(build, 'Suite.compiled.json'), { force: true });
  return written;
}

module.exports = { writeArtefacts };
