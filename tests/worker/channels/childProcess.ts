import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(__dirname, '..', '..', '..');

/** Builds a program of the tests. @param entry its source, from the project's root @returns its file */
export async function buildChild(entry = 'tests/worker/channels/child.ts'): Promise<string> {
  const { bundle } = (await import(pathToFileURL(join(root, 'scripts/build/bundle.mjs')).href)) as {
    bundle(root: string, entries: string[], outputOf: (entry: string) => string): Promise<void>;
  };
  const output = `build/${entry.replace(/\.ts$/, '.cjs')}`;
  await bundle(root, [entry], () => output);
  return join(root, output);
}

/** Environment of a child that is no test of its own. */
export function childEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...rest } = process.env;
  return { ...rest, ...more };
}
