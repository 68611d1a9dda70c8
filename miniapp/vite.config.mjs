// The page as files for any static host: build/miniapp. Every name but the two pages' has a hash of its content.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { leanTokenizers } from './leanTokenizers.mjs';
import { leanTonConnect } from './leanTonConnect.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here('.'),
  publicDir: 'public',
  plugins: [leanTokenizers(), leanTonConnect()],
  resolve: {
    alias: {
      // WebCrypto's X25519: a page that signs vouchers with its Ed25519 has it.
      '@hpke/dhkem-x25519': '@hpke/core',
      // 10 kB for one function of which the parts are here.
      tweetnacl: here('src/wallet/nacl.ts'),
      'tweetnacl-util': here('src/wallet/naclText.ts'),
      // What libraries look up in Node, where there is no WebCrypto.
      crypto: here('src/noNodeCrypto.ts'),
    },
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('../build/miniapp'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { index: here('index.html'), provider: here('provider.html') } },
  },
});
