// Turns TypeScript into what jest runs, a file at a time, without looking at types: `tsc` does that once for all files.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { transformSync, version } = require('esbuild');

const own = readFileSync(__filename);

/** Bindings are large, many and never read in a stack trace. */
const isGenerated = (file) => /[\\/]build[\\/]Suite[\\/]/.test(file);

module.exports = {
  getCacheKey: (source, file) => createHash('sha256').update(own).update(version).update(file).update(source).digest('hex'),
  process: (source, file) => transformSync(source, {
    sourcefile: file, loader: 'ts', format: 'cjs', target: 'node20', ...(isGenerated(file) ? { minify: true } : { sourcemap: 'inline' }),
  }),
};
