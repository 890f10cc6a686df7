// tessera models rm: removes a model that was pulled from the hub.
import { Command } from 'commander';
import { removePulledModel } from '../jobs/remove-model.ts';
import { readSettings } from '../jobs/settings.ts';
import { bytes } from './format.ts';

const examples = `
Removes what the hub's cache holds of a model, for every program on this machine, and says how much that freed. Files that
another revision needs stay. Folders that were not pulled are yours: remove them yourself.

Examples:
  $ tessera models rm Wan-AI/Wan2.1-T2V-1.3B-Diffusers
  $ tessera models rm someone/some-lora@v2 --json`;

export function rmCommand(): Command {
  return new Command('rm')
    .description('remove a model that was pulled')
    .argument('<model>', 'owner/name for all of it, or owner/name@revision')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(async (model: string, { json }: { readonly json?: boolean }) => {
      const removed = await removePulledModel(model, readSettings().hub!);
      console.log(json === true ? JSON.stringify(removed) : `${removed.model}: ${bytes(removed.freedBytes)} freed`);
    });
}
