// tessera models: gets models, and says which are there and whether they are whole.
import { Command } from 'commander';
import { findModel, listModels, listPulledModels } from '../jobs/model-names.ts';
import { readSettings } from '../jobs/settings.ts';
import type { ModelHealth } from '../jobs/verify-model.ts';
import { bytes, count, table } from './format.ts';
import { interruptible } from './interrupt.ts';
import { infoCommand } from './models-info.ts';
import { pullCommand } from './models-pull.ts';
import { quantiseCommand } from './models-quantise.ts';
import { rmCommand } from './models-rm.ts';

const lsExamples = `
Models are folders in the layout of diffusers. They are looked for in the folders of TESSERA_MODELS, in the package, and in
the hub's cache, where they are called owner/name.

Examples:
  $ tessera models ls
  $ TESSERA_MODELS=~/models tessera models ls --json`;

const verifyExamples = `
Ends with 1 when something is wrong with a model.

Examples:
  $ tessera models verify
  $ tessera models verify nano ./Wan2.1-T2V-1.3B-Diffusers --all`;

export function modelsCommand(): Command {
  const ls = new Command('ls')
    .description('list the models that are there')
    .option('--json', 'print the list as JSON')
    .addHelpText('after', lsExamples)
    .action(list);
  const verify = new Command('verify')
    .description('look for damage in models')
    .argument('[model...]', 'names, folders, or owner/name; all in the model folders if left out')
    .option('--all', 'read all weights and look for values that are not finite')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', verifyExamples)
    .action(verifyModels);
  const models = new Command('models').description('get, list, check, quantise and remove models');
  for (const command of [pullCommand(), ls, infoCommand(), verify, quantiseCommand(), rmCommand()])
    models.addCommand(command);
  return models;
}

interface Options {
  readonly json?: boolean;
  readonly all?: boolean;
}

async function list({ json }: Options): Promise<void> {
  const settings = readSettings();
  const { verifyModel } = await import('../jobs/verify-model.ts');
  const found = [...(await listModels(settings)), ...(await listPulledModels(settings))];
  const health = await Promise.all(found.map(({ folder }) => verifyModel(folder, settings)));
  const models = found.map(({ name, folder }, i) => ({ name, folder, ...summary(health[i]!) }));
  if (json === true) return console.log(JSON.stringify(models));
  if (models.length === 0) {
    return console.log(
      `There are no models in ${settings.modelFolders.join(', ')}. Set TESSERA_MODELS to a folder of models.`,
    );
  }
  const rows = models.map((model) => [
    model.name,
    model.pipeline ?? '?',
    count(model.parameters),
    bytes(model.sizeBytes),
    model.ok ? 'ok' : `damaged, see: tessera models verify ${model.name}`,
    model.folder,
  ]);
  console.log(table([['name', 'pipeline', 'parameters', 'size', 'health', 'folder'], ...rows]));
}

function summary({ className, ok, parameters, sizeBytes, problems }: ModelHealth) {
  return { pipeline: className, ok, parameters, sizeBytes, problems };
}

async function verifyModels(names: readonly string[], { json, all }: Options): Promise<void> {
  const settings = readSettings();
  const { verifyModel } = await import('../jobs/verify-model.ts');
  const models =
    names.length > 0 ? await Promise.all(names.map((name) => findModel(name, settings))) : await listModels(settings);
  await interruptible(async (signal) => {
    const findings = [];
    for (const { name, folder } of models) {
      const health = await verifyModel(folder, settings, { readAll: all ?? false, signal });
      findings.push({ name, ...health });
      if (json !== true) console.log(describe(name, health));
    }
    if (json === true) console.log(JSON.stringify(findings));
    if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
  });
  if (models.length === 0 && json !== true) console.log('There are no models to look at.');
}

function describe(name: string, health: ModelHealth): string {
  const size = `${count(health.parameters)} parameters, ${bytes(health.sizeBytes)}`;
  if (health.ok) return `${name}: ok (${health.components.length} components, ${size})`;
  return [`${name}: ${health.problems.length} problems`, ...health.problems.map((problem) => `  ${problem}`)].join(
    '\n',
  );
}
