import fs from 'node:fs';
import path from 'node:path';

/** One `message(opcode) Name` of the contracts. */
export interface MessageSource {
  opcode: number;
  name: string;
  /** First sentence of its comment: who sends it to whom. */
  route: string;
  what: string;
  file: string;
}

export interface ErrorSource {
  code: number;
  constant: string;
  when: string;
  file: string;
}

export interface ConstantSource {
  constant: string;
  /** As the source says it. */
  value: string;
  why: string;
  file: string;
}

const root = path.join(__dirname, '../..');

/** Every Tact file of contracts/ and examples/, path and text, in a fixed order. */
export function tactFiles(): { file: string; text: string }[] {
  return ['contracts', 'examples']
    .flatMap((folder) =>
      (fs.readdirSync(path.join(root, folder), { recursive: true }) as string[]).map((file) => path.join(folder, file)),
    )
    .filter((file) => file.endsWith('.tact'))
    .sort()
    .map((file) => ({ file, text: fs.readFileSync(path.join(root, file), 'utf8') }));
}

const joined = (comment: string): string =>
  comment
    .split('\n')
    .map((line) => line.replace(/^\s*\/\/\/? ?/, '').trim())
    .join(' ')
    .trim();

export function messages(): MessageSource[] {
  return tactFiles().flatMap(({ file, text }) =>
    [...text.matchAll(/((?:^\/\/\/.*\n)*)^message\((0x[0-9a-f]+)\) (\w+)/gm)].map(([, comment, opcode, name]) => {
      const [, route, what] = /^([^.]+ -> [^.]+)\. ?(.*)$/.exec(joined(comment)) ?? [];
      if (route === undefined) throw new Error(`${file}: the comment of ${name} does not begin with "A -> b."`);
      return { opcode: Number(opcode), name, route, what, file };
    }),
  );
}

export function errors(): ErrorSource[] {
  return tactFiles()
    .flatMap(({ file, text }) =>
      [...text.matchAll(/^const (ERROR_\w+): Int = (\d+);(?: \/\/ (.*))?$/gm)].map(([, constant, code, when]) => {
        if (when === undefined) throw new Error(`${file}: ${constant} does not say when it comes`);
        return { code: Number(code), constant, when, file };
      }),
    )
    .sort((a, b) => a.code - b.code);
}

/** Constants with the comment above them; consecutive ones share it. */
export function constants(file: string): ConstantSource[] {
  const text = fs.readFileSync(path.join(root, file), 'utf8');
  let why = '';
  const found: ConstantSource[] = [];
  let comment: string[] = [];
  for (const line of text.split('\n')) {
    if (/^\/\/\/?/.test(line)) comment.push(line);
    else {
      const match = /^const (\w+): \w+ =\s*(.*?);(?: \/\/ (.*))?$/.exec(line);
      if (match) {
        if (comment.length > 0) why = joined(comment.join('\n'));
        found.push({ constant: match[1], value: match[2], why: match[3] ?? why, file });
      } else if (line.trim() === '') why = '';
      comment = [];
    }
  }
  return found;
}
