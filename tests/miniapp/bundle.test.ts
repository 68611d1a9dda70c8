/** What Vite makes of the pages: how much is loaded when, and nothing in it that the policy would stop. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

const ROOT = join(__dirname, '../..');
const PAGES = ['index.html', 'provider.html'];
/** gzip -9, bytes. */
const FIRST_LOAD = 35_000;
const WHOLE = 145_000;
/** Names, not places that anything is fetched from: of XML, and of the frames that the page may be in. */
const MERE_NAMES = /^https?:\/\/(www\.w3\.org|web\.telegram\.org|webk\.telegram\.org|webz\.telegram\.org)$/;

/** Its types are for another resolution of modules than this project's. */
const VITE: string = 'vite';

async function built(outDir: string): Promise<Map<string, Buffer>> {
  const { build } = (await import(VITE)) as { build(options: object): Promise<unknown> };
  await build({ configFile: join(ROOT, 'miniapp/vite.config.mjs'), logLevel: 'error', build: { outDir } });
  const paths = readdirSync(outDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.sort().map((path) => [path.slice(outDir.length + 1), readFileSync(path)]));
}

describe('the built page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-bundle-'));
  let files: Map<string, Buffer>;
  before(async () => void (files = await built(join(folder, 'one'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const text = (path: string): string => String(files.get(path));
  const assets = (): string[] => [...files.keys()].filter((path) => path.startsWith('assets/'));
  const packed = (paths: Iterable<string>): number => [...paths].reduce((sum, path) => sum + gzipSync(files.get(path)!, { level: 9 }).length, 0);
  /** A page with everything that a reader of `mentions` finds from it on. */
  const reach = (page: string, mentions: (source: string) => string[]): Set<string> => {
    const found = new Set([page]);
    for (const path of found) for (const other of path === page ? mentionedIn(text(page)) : mentions(text(path))) found.add(other);
    return found;
  };
  const mentionedIn = (source: string): string[] => assets().filter((path) => source.includes(path.slice('assets/'.length)));
  /** Imports that run before their importer does: `import{a}from"./b.js"`, `import"./b.js"`, `export{a}from"./b.js"`. */
  const staticOnly = (source: string): string[] => mentionedIn([...source.matchAll(/\b(?:import|from)\s*["'`](\.\/[^"'`]+)["'`]/g)].map(([, name]) => name).join('\n'));

  test('has in its first load at most 35 kB, and in all at most 145 kB, both for users and for providers', (t) => {
    for (const page of PAGES) {
      const [first, whole] = [packed(reach(page, staticOnly)), packed(reach(page, mentionedIn))];
      t.diagnostic(`${page}: first load ${first} bytes, whole ${whole} bytes (gzip)`);
      assert.ok(first <= FIRST_LOAD, `${page}: first load ${first} bytes`);
      assert.ok(whole <= WHOLE, `${page}: whole ${whole} bytes`);
      assert.ok([...reach(page, staticOnly)].some((path) => path.endsWith('.js')), 'something was found');
    }
    const known = new Set(PAGES.flatMap((page) => [...reach(page, mentionedIn)]));
    assert.deepEqual(assets().filter((path) => !known.has(path)), [], 'nothing is built that no page loads');
  });

  test('loads what has the hash of its content in its name, from its own origin, and nothing inline', () => {
    for (const page of PAGES) {
      const places = [...text(page).matchAll(/\b(?:src|href)="([^"]*)"/g)].map(([, place]) => place);
      assert.ok(places.length > 1);
      for (const place of places) assert.match(place, /^(data:,|\/icon\.png|\/assets\/[\w.-]+-[\w-]{8}\.(js|css))$/);
      assert.ok(!/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/.test(text(page)), 'the policy would stop it');
      for (const path of reach(page, staticOnly)) {
        const urls = text(path).match(/\bhttps?:\/\/[\w.-]+/g) ?? [];
        assert.deepEqual(urls.filter((url) => !MERE_NAMES.test(url)), [], path);
      }
    }
  });

  test('compiles no text and has markup parsed nowhere, but for the one line of Preact that nobody calls', () => {
    const all = assets().map(text).join('\n');
    assert.deepEqual(all.match(/\beval\(|\bnew Function\b|[^.\w]Function\(|\bdocument\.write|\binsertAdjacentHTML|\bouterHTML\s*=[^=]|\bimportScripts\b/g), null);
    assert.ok((all.match(/\.innerHTML\s*=[^=]/g) ?? []).length <= 1);
    assert.ok(!/dangerouslySetInnerHTML\s*:/.test(all), 'a view sets markup');
  });

  test('has no code of Node or of the contracts\' wrappers, and no test\'s key', () => {
    const all = assets().map(text).join('\n');
    for (const word of ['__vite-browser-external', 'Buffer.from(', 'beginCell', 'SIMULATED_ROOT_KEY', 'react/', 'analytics.ton.org']) assert.ok(!all.includes(word), word);
  });

  test('is the same, byte for byte, built again elsewhere', async () => {
    const again = await built(join(folder, 'elsewhere/two'));
    assert.deepEqual([...again.keys()], [...files.keys()]);
    for (const [path, bytes] of again) assert.ok(bytes.equals(files.get(path)!), path);
  });
});
