#!/usr/bin/env node
// The `tessera` program: parses the command line, runs a story, ends with its exit code.
import { createProgram } from './program.ts';
import { reportError } from './report-error.ts';

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes('--json'));
}
