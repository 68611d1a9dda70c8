// Stands for @ton/sandbox's emulator and for the text of its code in jest. Decoding and compiling the code anew takes 0.2 s
// of every file: here each sandbox gets an instance and a memory of its own, of code that is compiled once. And the emulator
// reads its stopwatch some hundred times a message, for a log that nobody reads: it stands still. Contracts do not see it;
// their time is the sandbox's `now`.
const createEmulator = require('@ton/sandbox/dist/executor/emulator-emscripten.js');

const MONOTONIC = 1;

/** @param {object} options what Emscripten takes; the code among them is not looked at */
module.exports = (options) => createEmulator({
  ...options,
  instantiateWasm({ a: functions }, done) {
    const name = Object.keys(functions).find((key) => functions[key].name === '_clock_time_get');
    const readClock = functions[name];
    let words = [];
    const stopped = (clock, precision, at) => {
      if (clock !== MONOTONIC) return readClock(clock, precision, at);
      // A memory that grows gets another buffer, and the old one is empty.
      if (words.length === 0) words = new BigInt64Array(memory.buffer);
      words[at >> 3] = 1n;
      return 0;
    };
    const instance = new WebAssembly.Instance(globalThis.emulatorCode(), { a: { ...functions, [name]: stopped } });
    const memory = Object.values(instance.exports).find((value) => value instanceof WebAssembly.Memory);
    done(instance);
  },
});
module.exports.EmulatorEmscriptenWasm = '';
