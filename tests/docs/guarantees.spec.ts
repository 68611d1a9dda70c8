import fs from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../..');
const pageOf = (name: string): string => fs.readFileSync(path.join(root, 'docs', name), 'utf8');
const namesIn = (page: string): string[] => [...page.matchAll(/`([^`]+ › [^`]+)`/g)].map(([, name]) => name);
const sources = (fs.readdirSync(path.join(root, 'tests'), { recursive: true }) as string[])
  .filter((file) => /\.(spec|test)\.ts$/.test(file))
  .map((file) => ({ file, text: fs.readFileSync(path.join(root, 'tests', file), 'utf8').replace(/\\'/g, "'") }));

/** Tests are named `suite › test`, or `file › test` where they stand in no suite. */
const exists = (place: string, test: string): boolean =>
  sources.some(({ file, text }) => (file === place || text.includes(`'${place}'`)) && text.includes(test));

describe('docs/guarantees.md', () => {
  const page = pageOf('guarantees.md');
  const named = namesIn(page);

  it('names a test for every guarantee', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| what holds'));
    expect(named.length).toBe(rows.length);
    expect(named.length).toBeGreaterThan(0);
  });

  it.each(named.map((name) => name.split(' › ')))('%s › %s exists', (place, test) => {
    expect(exists(place, test)).toBe(true);
  });
});

describe('docs/slashing.md', () => {
  const named = namesIn(pageOf('slashing.md'));

  it('names tests for its statements on safety', () => expect(named.length).toBeGreaterThan(10));

  it.each(named.map((name) => name.split(' › ')))('%s › %s exists', (place, test) => {
    expect(exists(place, test)).toBe(true);
  });
});
