// tessera doctor: what this machine brings, what is wrong with it, and what to do.
import { Command } from 'commander';
import type { Finding } from '../jobs/doctor.ts';

const examples = `
Ends with 1 when there is a problem.

Examples:
  $ tessera doctor
  $ tessera doctor --json`;

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('look for what could keep tessera from working')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', examples)
    .action(run);
}

const marks = { ok: '✓', warning: '!', problem: '✗' } as const;

async function run({ json }: { readonly json?: boolean }): Promise<void> {
  const { examine } = await import('../jobs/doctor.ts');
  const findings = await examine();
  console.log(json === true ? JSON.stringify(findings) : findings.map(line).join('\n'));
  if (findings.some(({ status }) => status === 'problem')) process.exitCode = 1;
}

function line({ name, status, text, advice }: Finding): string {
  const advised = advice === undefined ? '' : `\n    ${advice}`;
  return `${marks[status]} ${name}: ${text}${advised}`;
}
