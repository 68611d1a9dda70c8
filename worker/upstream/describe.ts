/** Makes the model card of a Hugging Face folder or a GGUF file, of any architecture: what a server loads, and the tokenizer that clients need. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { z } from 'zod';
import { refuse } from '../../exact/import/architecture';
import { tokenizerOfFolder } from '../../exact/import/folderTokenizer';
import { readGgufMetadata } from '../../exact/import/gguf';
import { tokenizerOfGguf } from '../../exact/import/ggufTokenizer';
import { parseJson } from '../../exact/import/safetensors';
import { CARD_FORMAT, CardContent, type CardFile } from './modelCard';

export interface CardOptions {
  /** Hugging Face folder, or GGUF file. */
  source: string;
  name: string;
  /** Positions; what the model was made for when unset. */
  context?: number;
}

const count = z.int().positive();
const Sizes = z.looseObject({ vocab_size: count.optional(), max_position_embeddings: count.optional() });
const Config = Sizes.extend({ text_config: Sizes.optional() });

/** The bytes of a card: JSON, one newline. @throws ModelImportError `model.import.*` */
export async function describeModel({ source, name, context: asked }: CardOptions): Promise<Uint8Array> {
  const found = statSync(source, { throwIfNoEntry: false });
  if (!found) refuse('unreadable', 'there is no such model', 'a folder or a GGUF file', source);
  const { vocabulary, made, tokenizer } = found.isDirectory() ? folderParts(source) : await ggufParts(source);
  const context = asked ?? made;
  if (context > made) refuse('context', 'the model was not made for so many positions', `at most ${made}`, `${context}`);
  const files = found.isDirectory() ? await digests(source, filesOf(source)) : [await digest(source, basename(source))];
  const card: CardContent = { format: CARD_FORMAT, name, context, vocabulary, tokenizer: tokenizer.toString('base64'), files };
  const checked = CardContent.safeParse(card);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    refuse('card', 'this model cannot be described', issue.message, issue.path.join('.'));
  }
  return Buffer.from(`${JSON.stringify(card)}\n`);
}

interface Parts {
  vocabulary: number;
  /** positions that the model was made for */
  made: number;
  tokenizer: Buffer;
}

function folderParts(folder: string): Parts {
  const file = join(folder, 'config.json');
  if (!existsSync(file)) refuse('config', 'the folder has no config.json', 'a folder of a Hugging Face model', folder);
  const config = parseJson(Config, readFileSync(file, 'utf8'), 'config.json');
  const vocabulary = config.vocab_size ?? config.text_config?.vocab_size ?? refuse('config', 'config.json names no vocab_size');
  const made = config.max_position_embeddings ?? config.text_config?.max_position_embeddings ?? refuse('config', 'config.json names no max_position_embeddings');
  return { vocabulary, made, tokenizer: tokenizerOfFolder(folder, vocabulary) };
}

async function ggufParts(file: string): Promise<Parts> {
  const metadata = await readGgufMetadata(file);
  const made = Number(metadata[`${String(metadata['general.architecture'])}.context_length`]);
  const tokens = metadata['tokenizer.ggml.tokens'];
  if (!Number.isInteger(made) || !Array.isArray(tokens)) refuse('gguf', `${file} names no context length or no tokens`, 'both', 'not');
  return { vocabulary: tokens.length, made, tokenizer: tokenizerOfGguf(metadata, tokens.length) };
}

/** All files of a folder but hidden ones, by name. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => statSync(join(entry.parentPath, entry.name)).isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split('\\').join('/'))
    .filter((name) => !name.split('/').some((part) => part.startsWith('.')))
    .sort();
}

async function digests(folder: string, names: readonly string[]): Promise<CardFile[]> {
  const files: CardFile[] = [];
  for (const name of names) files.push(await digest(join(folder, name), name));
  return files;
}

async function digest(path: string, name: string): Promise<CardFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of createReadStream(path)) {
    hash.update(part as Buffer);
    bytes += (part as Buffer).length;
  }
  return { name, bytes, sha256: hash.digest('hex') };
}
