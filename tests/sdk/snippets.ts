import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './packed';

/** The TypeScript examples of a page in docs/, in order. */
export const snippetsOf = (page: string): string[] => [...readFileSync(join(ROOT, 'docs', page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, text]) => text);

/** What a compiler says of files of a project with strict settings and no types but those that they import. */
export function typeErrors(files: string[], options: ts.CompilerOptions = {}): string[] {
  const { NodeNext } = ts.ModuleKind;
  const program = ts.createProgram(files, {
    strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts'], types: [], skipDefaultLibCheck: true, module: NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, ...options,
  });
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
}
