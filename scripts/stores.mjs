// The programs that tests run on: the queue's stores beside the embedded one, a real Redis and a real PostgreSQL, and a browser
// for the server's page, whose graphics driver in software also runs WebGPU. What is missing is installed with apt-get, where
// that may be done. Plain Node; the tests start them.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian keeps PostgreSQL's programs off the PATH, a folder for each version. */
const versions = '/usr/lib/postgresql';

/** The path of one of the programs, or undefined. */
export function findProgram(name) {
  const elsewhere = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...elsewhere.map((one) => join(versions, one, 'bin'))];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The path of one of the system's shared libraries, or undefined. */
export function findLibrary(name) {
  const folders = ['x86_64-linux-gnu', 'aarch64-linux-gnu', ''].map((triplet) => join('/usr/lib', triplet));
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Installs what is missing. Where that cannot be done, the tests that need it say so. */
export function ensureStores() {
  const missing = [
    ...(findProgram('redis-server') ? [] : ['redis-server']),
    ...(findProgram('initdb') && findProgram('postgres') ? [] : ['postgresql']),
    ...(findProgram('chromium') ? [] : ['chromium']),
    ...(findLibrary('libvulkan.so.1') ? [] : ['libvulkan1']),
  ];
  if (missing.length === 0 || process.platform !== 'linux' || process.getuid?.() !== 0) return;
  process.stderr.write(`Installing ${missing.join(' and ')} for the tests, once…\n`);
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = () => spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing], options).status;
  if (install() === 0) return;
  spawnSync('apt-get', ['update'], options);
  if (install() !== 0) process.stderr.write('That did not succeed; see above.\n');
}
