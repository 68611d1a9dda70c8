const SandboxEnvironment = require('@ton/sandbox/jest-environment');

let code;

/** The emulator's code, read and compiled once for all files that a process of jest runs. */
function emulatorCode() {
  const { EmulatorEmscriptenWasm } = require('@ton/sandbox/dist/executor/emulator-emscripten.wasm.js');
  return (code ??= new WebAssembly.Module(Buffer.from(EmulatorEmscriptenWasm, 'base64')));
}

/** What the sandbox wants of jest, and the emulator's code for tests/support/emulator.cjs. */
module.exports = class extends SandboxEnvironment {
  async setup() {
    await super.setup();
    this.global.emulatorCode = emulatorCode;
  }
};
