/**
 * SwiftShader, a Vulkan driver that runs on the CPU, from the npm package `@sparticuz/chromium` (linux x64 only).
 * It makes the WebGPU back end run on machines without a GPU: for tests and for re-running small jobs, not for speed.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { readTar } from './ustar';

const PACKAGE = '@sparticuz/chromium';
const DRIVER_FILES = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];
/** dlopen flag of glibc that Node does not export: keep the library although loading it as an addon "fails". */
const RTLD_NODELETE = 0x1000;

/** Where `swiftshader.tar.br` lies, or undefined when the optional package is not installed or cannot run here. */
export function swiftShaderArchive(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  try {
    const entry = require.resolve(PACKAGE); // <package>/build/cjs/index.cjs
    const archive = path.resolve(path.dirname(entry), '..', '..', 'bin', 'swiftshader.tar.br');
    return fs.existsSync(archive) ? archive : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Unpacks the driver once per content hash and returns its folder. Safe when several processes do it at once: each
 * writes its own folder and renames it into place; whoever comes second keeps the first one's.
 */
export function unpackSwiftShader(archive: string, cacheRoots: string[] = defaultCacheRoots()): string {
  const packed = fs.readFileSync(archive);
  const key = createHash('sha256').update(packed).digest('hex').slice(0, 16);
  let failure: unknown;
  for (const root of cacheRoots) {
    const folder = path.join(root, `swiftshader-${key}`);
    try {
      if (isOwnComplete(folder)) return folder;
      fs.mkdirSync(root, { recursive: true, mode: 0o700 });
      const own = fs.mkdtempSync(path.join(root, '.unpack-'));
      try {
        const files = readTar(brotliDecompressSync(packed));
        for (const name of DRIVER_FILES) {
          const file = files.find((f) => path.basename(f.name) === name);
          if (!file) throw new Error(`${archive} has no ${name}`);
          fs.writeFileSync(path.join(own, name), file.bytes, { mode: 0o500 });
        }
        fs.renameSync(own, folder);
      } catch (error) {
        fs.rmSync(own, { recursive: true, force: true });
        if (!isOwnComplete(folder)) throw error;
      }
      return folder;
    } catch (error) {
      failure = error; // a full or read-only disk: try the next place
    }
  }
  throw failure;
}

/** On linux Dawn needs the Vulkan loader; asking it without one only prints a warning to standard error. */
export function hasVulkanLoader(): boolean {
  if (process.platform !== 'linux') return true;
  try {
    loadLibrary('libvulkan.so.1');
    return true;
  } catch (error) {
    return !/cannot open shared object file/.test((error as Error).message);
  }
}

/** Makes the Vulkan loader of this process find SwiftShader from the next `create()` on. */
export function selectSwiftShader(folder: string): void {
  process.env.VK_ICD_FILENAMES = path.join(folder, 'vk_swiftshader_icd.json');
  try {
    loadLibrary(path.join(folder, 'libvulkan.so.1'));
  } catch {
    // Expected: "Module did not self-register". It stays mapped and answers later requests for libvulkan.so.1.
  }
}

function loadLibrary(name: string): void {
  const { RTLD_NOW, RTLD_GLOBAL } = os.constants.dlopen;
  process.dlopen({ exports: {} }, name, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
}

/** The user's cache folder first, then a private folder in the temporary directory. */
function defaultCacheRoots(): string[] {
  const roots: string[] = [];
  const xdg = process.env.XDG_CACHE_HOME;
  if (xdg && path.isAbsolute(xdg)) roots.push(path.join(xdg, 'open-cocoon'));
  else if (os.homedir()) roots.push(path.join(os.homedir(), '.cache', 'open-cocoon'));
  roots.push(path.join(os.tmpdir(), `open-cocoon-${process.getuid?.() ?? 0}`));
  return roots;
}

/** A library is only loaded from a folder that nobody else could have written. */
function isOwnComplete(folder: string): boolean {
  try {
    const stat = fs.statSync(folder);
    if (stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) return false;
    return DRIVER_FILES.every((name) => fs.statSync(path.join(folder, name)).uid === stat.uid);
  } catch {
    return false;
  }
}
