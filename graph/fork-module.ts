// Starts a module of ours as a child process.
import { type ChildProcess, fork, type ForkOptions } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * From sources the child needs the TypeScript loader, from a build it is plain JavaScript.
 * @param name of the module without its ending, such as `./child-main` @param from the caller's import.meta.url
 */
export function forkModule(
  name: string,
  from: string,
  { execArgv = [], args = [], ...options }: ForkOptions & { readonly args?: readonly string[] },
): ChildProcess {
  const fromSource = from.endsWith('.ts');
  const main = fileURLToPath(new URL(`${name}.${fromSource ? 'ts' : 'js'}`, from));
  const loader = (): string => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return fork(main, args, { ...options, execArgv: [...execArgv, ...(fromSource ? ['--import', loader()] : [])] });
}
