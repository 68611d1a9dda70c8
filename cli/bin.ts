/** The program: runs the command line that it was started with. */
import { main } from './main';

// Whoever reads the output may stop early, as `head` does.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

void main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
  // Native handles (GPU, sockets) must not keep a finished command alive once its output is written.
  process.stdout.write('', () => process.exit(exitCode));
});
