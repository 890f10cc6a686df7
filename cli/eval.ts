// tessera eval: scores a model of the procedural world on combinations that it was not trained on.
import { Command } from 'commander';
import { JobFailedError } from '../jobs/errors.ts';

export function evalCommand(): Command {
  return new Command('eval')
    .description('score nano on held-out prompts')
    .option('--json', 'print the scores as JSON')
    .action(() => {
      throw new JobFailedError('The evaluation is not wired up yet.', { code: 'NOT_AVAILABLE' });
    });
}
