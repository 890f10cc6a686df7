// npm start -- <command>: installs the packages and builds dist/ where that is needed, then runs the `tessera` program.
// Whether dist/ is up to date is told by a hash of all that it is made of.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, fail, root } from './install.mjs';

const dist = join(root, 'dist');
const stamp = join(dist, '.built-from');
const notBuilt = ['node_modules', 'dist', 'tests', 'bench', 'examples', 'docs', 'models', 'scripts'];

ensureInstalled();
const sources = hashOfSources();
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== sources) build();
run();

function hashOfSources() {
  const hash = createHash('sha256').update(process.version);
  const add = (folder) => {
    const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (entry.name.startsWith('.') || (folder === root && notBuilt.includes(entry.name))) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) add(path);
      else if (/\.(ts|json)$/.test(entry.name)) hash.update(path.slice(root.length)).update(readFileSync(path));
    }
  };
  add(root);
  return hash.digest('hex');
}

/** Builds beside dist/ and swaps, so that a program which runs from it is not pulled from under. */
function build() {
  process.stderr.write('Building, once…\n');
  const made = `${dist}-${process.pid}`;
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', made];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    rmSync(made, { recursive: true, force: true });
    fail('The build did not succeed. See above.');
  }
  writeFileSync(join(made, '.built-from'), sources);
  const old = `${made}-old`;
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(made, dist);
  rmSync(old, { recursive: true, force: true });
}

/** The program's exit code becomes ours; what Ctrl-C means is for it to say. */
function run() {
  const main = join(dist, 'cli', 'main.js');
  const args = ['--enable-source-maps', main, ...process.argv.slice(2)];
  // npm runs this in the package's folder; relative paths are meant from where npm was called.
  const child = spawn(process.execPath, args, { cwd: process.env.INIT_CWD ?? process.cwd(), stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}
