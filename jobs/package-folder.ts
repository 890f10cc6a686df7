// Where this package lies, and its version. The sources run from the package's folder, the built files from its dist/;
// assets such as models/nano stand beside package.json and are found from both.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const packageJson = z.looseObject({ name: z.literal('tessera'), version: z.string() });

function find(folder: string): { readonly folder: string; readonly version: string } {
  const file = join(folder, 'package.json');
  const parsed = existsSync(file) ? packageJson.safeParse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
  if (parsed?.success) return { folder, version: parsed.data.version };
  const above = dirname(folder);
  if (above === folder) throw new Error('The package.json of tessera is missing. Install tessera again.');
  return find(above);
}

const found = find(import.meta.dirname);

/** The folder that holds package.json and models/. */
export const packageFolder = found.folder;

export const packageVersion = found.version;
