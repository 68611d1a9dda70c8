import { Command } from 'commander';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { parseNumber } from '../numbers';
import { linesOf } from '../output';

/** `cocoon bench <name>`: measurements of bench/, each printed as a table or as JSON. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('measurements')
    .addCommand(feesCommand())
    .addCommand(textCommand())
    .addCommand(exactCommand())
    .addCommand(gpuCommand())
    .addCommand(importCommand())
    .addCommand(attestationCommand())
    .addCommand(slashingCommand())
    .addCommand(protocolCommand())
    .addCommand(storeCommand())
    .addCommand(economicsCommand())
    .addCommand(zkCommand())
    .addCommand(withSettings(new Command('protocol-part')).description('a process of bench protocol').action(runProtocolPart), { hidden: true });
}

function feesCommand(): Command {
  return withSettings(new Command('fees'))
    .description('fees of every operation in the sandbox, the numbers that bench/gas.json asserts')
    .action(async (options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { measureFees } = await import('../../bench/fees');
      const rows = await measureFees();
      const lines = rows.map(
        (row) =>
          `${row.operation.padEnd(32)} ${row.milliTon.toFixed(3).padStart(8)} mTON ${String(row.gas).padStart(7)} gas`,
      );
      output.result(rows, lines.join('\n'));
    });
}

function textCommand(): Command {
  return withSettings(new Command('text'), ['model', 'backend'])
    .description('words known to the corpus in 100 seeded samples of the model, and bits per byte of held-out lines')
    .option('--samples <n>', 'number of samples', '100')
    .action(async (options: Record<string, unknown>) => {
      const { output, settings } = contextOf(options);
      const { measureText } = await import('../../bench/text');
      const report = await measureText({
        model: settings.model,
        backend: settings.backend,
        samples: Number(options.samples),
        progress: (line) => output.progress(line),
      });
      const { texts: _, ...shown } = report;
      output.result(report, linesOf(shown));
    });
}

function exactCommand(): Command {
  return withSettings(new Command('exact'), ['model'])
    .description('tokens per second of every back end, the wasm kernel over its prototype, and the cost of the trace')
    .option('--tokens <n>', 'tokens per generation', '64')
    .action(async (options: Record<string, unknown>) => {
      const { output, settings } = contextOf(options);
      const { measureExact } = await import('../../bench/exact');
      const report = await measureExact({
        model: settings.model,
        tokens: parseNumber('--tokens', String(options.tokens), 2, 32768, true),
        progress: (line) => output.progress(line),
      });
      const { reference, webgpu, wasm } = report.decodeTokensPerSecond;
      output.result(
        report,
        [
          `linear kernel / prototype   ${report.wasmVsPrototype} (${report.gigaMacsPerSecond} GMAC/s)`,
          `tokens per second           wasm ${wasm}, webgpu ${webgpu ?? '-'}, reference ${reference}`,
          `wasm / reference, / webgpu  ${report.speedup.reference}, ${report.speedup.webgpu ?? '-'}`,
          `trace over wasm kernels     ${report.traceOverheadPercent} % (110M), ${report.smallTraceOverheadPercent} %`,
          `two threads over one        product ${report.twoThreadSpeedup}, decode ${report.twoThreadDecodeSpeedup}, prompt ${report.twoThreadPrefillSpeedup}`,
          `wasm / llama.cpp            decode ${report.decodeVsLlamaCpp ?? '-'}, prompt ${report.prefillVsLlamaCpp ?? '-'}`,
          ...report.accuracy.map(({ model, floatPerplexity, perplexityRatio, top1Agreement }) =>
            `${model.padEnd(27)} perplexity ${floatPerplexity.toFixed(2)} x ${perplexityRatio.toFixed(4)}, `
            + `top-1 ${(100 * top1Agreement).toFixed(1)} %`),
        ].join('\n'),
      );
    });
}

function importCommand(): Command {
  return withSettings(new Command('import'))
    .description('memory and time of importing a random model of 175 million weights')
    .action(async (options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { measureImport } = await import('../../bench/import');
      const report = await measureImport((line) => output.progress(line));
      output.result(report, linesOf(report));
    });
}

function attestationCommand(): Command {
  return withSettings(new Command('attestation'))
    .description('gas and fees of registering an attested key and of posting Intel\'s collateral, in the sandbox')
    .action(async (options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { measureAttestation } = await import('../../bench/attestation');
      const report = await measureAttestation();
      output.result(report, linesOf(report));
    });
}

function slashingCommand(): Command {
  return withSettings(new Command('slashing'))
    .description('gas, evidence and fees of proving a lie, in the sandbox: the dearest step of every slot of an 8B shape, and whole disputes')
    .action(async (options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { measureSlashing } = await import('../../bench/slashing/measure');
      const report = await measureSlashing((line) => output.progress(line));
      const { proofs, shippedProofs: _, steps: __, moves: ___, moves8B: ____, ...shown } = report;
      const lines = proofs.map(({ of, check, gas, evidenceBytes, disputeTon }) =>
        `${check.padEnd(16)} ${of.padEnd(16)} ${String(gas).padStart(7)} gas ${String(evidenceBytes).padStart(6)} bytes ${disputeTon.toFixed(3)} TON`);
      output.result(report, [linesOf(shown), ...lines].join('\n'));
    });
}

function gpuCommand(): Command {
  return withSettings(new Command('gpu'))
    .description('the webgpu back end on a random model of a real shape, beside the copy bandwidth of the adapter')
    .option('--size <110m|1b|8b>', 'shape of the model', '110m')
    .option('--tokens <n>', 'tokens per answer', '64')
    .option('--prompt <n>', 'prompt tokens of the prefill', '512')
    .option('--batch <n>', 'answers at once', '32')
    .action(async (options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { measureGpu } = await import('../../bench/gpu');
      const { SYNTHETIC_SIZES } = await import('../../bench/syntheticModel');
      const size = SYNTHETIC_SIZES.find((known) => known === options.size);
      if (size === undefined) {
        throw new UsageError('usage.size', 'the size is not known', {
          expected: SYNTHETIC_SIZES.join(', '), received: String(options.size),
        });
      }
      const count = (name: string, least: number) =>
        parseNumber(`--${name}`, String(options[name]), least, 1024, true);
      const report = await measureGpu({
        size, tokens: count('tokens', 2), promptTokens: count('prompt', 1), batch: count('batch', 1),
        progress: (line) => output.progress(line),
      });
      output.result(report, linesOf(report));
    });
}

function protocolCommand(): Command {
  return withSettings(new Command('protocol'))
    .description('OpenAI clients, gateway and worker over payment channels with an echo engine, a process each: requests/s, latency, overhead, memory')
    .option('--seconds <n>', 'seconds of load', '20')
    .action(async (options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { measureProtocol } = await import('../../bench/protocol/measure');
      const seconds = parseNumber('--seconds', String(options.seconds), 5, 3_600, true);
      const report = await measureProtocol(seconds, (line) => output.progress(line));
      output.result(report, linesOf({ ...report }));
    });
}

function storeCommand(): Command {
  return withSettings(new Command('store'))
    .description('durable calls per second of the store of a worker\'s channels, by how many channels are served at a time')
    .option('--seconds <n>', 'seconds of load for each', '5')
    .action(async (options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { measureStore } = await import('../../bench/store');
      const seconds = parseNumber('--seconds', String(options.seconds), 1, 3_600, true);
      const report = await measureStore(seconds, (line) => output.progress(line));
      output.result(report, linesOf({ ...report.callsPerSecond, loadAverage: report.loadAverage }));
    });
}

function economicsCommand(): Command {
  return withSettings(new Command('economics'))
    .description('what lying, slashing oneself and griefing bring by the rules of money of the contracts, simulated and by formula')
    .action(async (options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { measureEconomics } = await import('../../bench/economics/measure');
      const { economicsText } = await import('../../bench/economics/tables');
      const report = measureEconomics();
      output.result(report, economicsText(report));
    });
}

function zkCommand(): Command {
  return withSettings(new Command('zk'))
    .description('gas of a proof, accuracy of the shipped circuit, and a model with 784, 128 and 10 values proven by our prover and by snarkjs, a process each')
    .option('--proofs <n>', 'warm proofs of each', '5')
    .action(async (options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { measureZk } = await import('../../bench/zk/report');
      const proofs = parseNumber('--proofs', String(options.proofs), 1, 1_000, true);
      const report = await measureZk(proofs, (line) => output.progress(line));
      const { millis, ...shown } = report;
      output.result(report, linesOf({ ...shown, ...millis }));
    });
}

async function runProtocolPart(): Promise<void> {
  await (await import('../../bench/protocol/part')).runPart();
}
