// Leaves out of a package what this page never runs. Versions are pinned; another one in which a part is not found fails the build.
const upToItsEnd = (head) => new RegExp(`^${head}\\n[\\s\\S]*?\\n\\}$`, 'm');
export const classOf = (name) => upToItsEnd(`class ${name} \\{`);
export const functionOf = (name) => upToItsEnd(`function ${name}\\([^)]*\\) \\{`);

/**
 * @param {string} name of the package, for errors
 * @param {RegExp} file its module
 * @param {Record<string, {pattern: RegExp, instead: string}>} parts by their names
 */
export const leaveOut = (name, file, parts) => ({
  name: `${name}, lean`,
  transform(code, id) {
    if (!file.test(id)) return null;
    let lean = code;
    for (const [named, { pattern, instead }] of Object.entries(parts)) {
      if (!pattern.test(lean)) throw new Error(`${name}: ${named} is not where it was`);
      lean = lean.replace(pattern, () => instead);
    }
    return { code: lean, map: null };
  },
});
