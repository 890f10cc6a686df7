// Installs the packages that package-lock.json names, if they are not there yet. Plain Node: it runs before anything is
// installed. Whether they are there is told by npm's own record of what it installed.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Tessera needs Node 20.19 or newer, this is ${process.version}. Install it from https://nodejs.org.`);
}

/** Installs if needed. What npm prints goes to standard error. */
export function ensureInstalled() {
  if (isInstalled()) return;
  process.stderr.write('Installing packages, once…\n');
  npm(['ci', '--include=dev', '--no-audit', '--no-fund']);
}

function isInstalled() {
  const wanted = packagesOf('package-lock.json');
  const present = packagesOf(join('node_modules', '.package-lock.json'));
  // An optional package may be one of another system.
  return Object.entries(wanted).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' || optional || devOptional || present[path]?.version === version,
  );
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return {};
  }
}

function npm(args) {
  const cli = process.env.npm_execpath;
  const [command, before] = cli?.endsWith('.js') ? [process.execPath, [cli]] : ['npm', []];
  const options = { cwd: root, stdio: ['ignore', 2, 2], shell: command === 'npm' && process.platform === 'win32' };
  const { status, error } = spawnSync(command, [...before, ...args], options);
  if (status !== 0) fail(`npm ${args[0]} did not succeed${error ? `: ${error.message}` : ''}. See above.`);
}

export function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureInstalled();
