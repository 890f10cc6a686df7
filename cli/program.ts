// The commands and what they share: help, version, exit codes.
import { Command } from 'commander';
import { packageVersion } from '../jobs/package-folder.ts';
import { askCommand } from './ask.ts';
import { batchCommand } from './batch.ts';
import { captionCommand } from './caption.ts';
import { doctorCommand } from './doctor.ts';
import { evalCommand } from './eval.ts';
import { generateCommand } from './generate.ts';
import { indexCommand } from './index-films.ts';
import { jobsCommand } from './jobs.ts';
import { mcpCommand } from './mcp.ts';
import { modelsCommand } from './models.ts';
import { searchCommand } from './search.ts';
import { serveCommand } from './serve.ts';
import { trainCommand } from './train.ts';
import { watchCommand } from './watch.ts';
import { workerCommand } from './worker.ts';

const ends = `
Ends with 0 when all is done, 1 when something failed, 2 when it was asked wrongly, 130 on Ctrl-C.`;

export function createProgram(): Command {
  const program = new Command('tessera')
    .description('Text into video, in Node.')
    .version(packageVersion)
    .addHelpText('after', ends)
    .showHelpAfterError('(tessera --help shows the commands and their options)');
  const commands = [
    generateCommand(),
    captionCommand(),
    askCommand(),
    indexCommand(),
    searchCommand(),
    batchCommand(),
    watchCommand(),
    serveCommand(),
    mcpCommand(),
    workerCommand(),
    jobsCommand(),
    modelsCommand(),
    trainCommand(),
    evalCommand(),
    doctorCommand(),
  ];
  for (const command of commands) program.addCommand(throwing(command));
  return throwing(program);
}

/** Commands throw instead of ending the process, so that one place decides how it ends. */
function throwing(command: Command): Command {
  command.exitOverride();
  command.commands.forEach(throwing);
  return command;
}
