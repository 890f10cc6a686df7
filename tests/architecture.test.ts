// Who may import whom, and what may be used where: the rules of ARCHITECTURE.md, read off the source files.
import { describe, expect, test } from 'vitest';
import { sourceFiles } from './source-files.ts';
import type { Import, SourceFile } from './source-files.ts';

const files = sourceFiles();
const folderOf = (path: string): string => path.split('/')[0]!;
const isTest = ({ path }: SourceFile): boolean => folderOf(path) === 'tests';

/** The folders whose files each folder may import, beside its own. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  graph: [],
  compressor: ['graph'],
  dit: ['graph'],
  conditioning: ['graph'],
  io: ['graph'],
  understanding: ['graph', 'conditioning', 'io'],
  expansion: ['graph', 'conditioning', 'io', 'understanding'],
  jobs: ['graph', 'compressor', 'dit', 'conditioning', 'io', 'understanding', 'expansion'],
  training: ['graph', 'compressor', 'dit', 'conditioning', 'io', 'understanding', 'expansion'],
  server: ['jobs'],
  cli: ['jobs', 'training', 'server'],
  examples: ['index.ts'],
};

/** The files of graph that io may use, types aside: errors to raise and plain tensors. */
const plainGraph = ['graph/errors.ts', 'graph/tensor.ts'];

const isOurs = ({ target }: Import): boolean => target.includes('/') && files.some(({ path }) => path === target);
const broken = (rule: (file: SourceFile) => readonly string[]): readonly string[] =>
  files.flatMap((file) => rule(file).map((what) => `${file.path}: ${what}`));

/** The files that import a package or one of its parts, tests aside. */
const importersOf = (name: string): readonly string[] =>
  files
    .filter((file) => !isTest(file))
    .filter(({ imports }) => imports.some(({ target }) => target === name || target.startsWith(`${name}/`)))
    .map(({ path }) => path);

const usersOf = (...members: readonly string[]): readonly string[] =>
  files.filter((file) => members.some((member) => file.members.has(member))).map(({ path }) => path);

/** A cycle of imports that are more than types, or undefined. */
function findCycle(): readonly string[] | undefined {
  const next = new Map(
    files.map(({ path, imports }) => [
      path,
      imports.filter((one) => !one.typeOnly && isOurs(one)).map((one) => one.target),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const target of next.get(path)!) {
      const cycle = visit(target, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const { path } of files) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

describe('imports', () => {
  test('go only where the folder may', () => {
    const wrong = broken(({ path, imports }) => {
      const allowed = mayImport[folderOf(path)];
      if (allowed === undefined) return [];
      const abroad = imports.filter((one) => isOurs(one) && folderOf(one.target) !== folderOf(path));
      return abroad.filter(({ target }) => !allowed.includes(folderOf(target))).map(({ target }) => target);
    });
    expect(wrong).toEqual([]);
  });

  test('of io from graph are types, errors and plain tensors', () => {
    const wrong = broken(({ path, imports }) =>
      imports
        .filter(({ target, typeOnly }) => folderOf(path) === 'io' && folderOf(target) === 'graph' && !typeOnly)
        .filter(({ target }) => !plainGraph.includes(target))
        .map(({ target }) => target),
    );
    expect(wrong).toEqual([]);
  });

  test('of the program never reach its tests, bench or scripts', () => {
    const wrong = broken(({ path, imports }) =>
      ['tests', 'bench', 'examples', 'scripts'].includes(folderOf(path))
        ? []
        : imports.filter(({ target }) => /^(tests|bench|examples|scripts)\//.test(target)).map(({ target }) => target),
    );
    expect(wrong).toEqual([]);
  });

  test('name files that are there, with their ending', () => {
    const wrong = broken(({ imports }) =>
      imports
        .filter((one) => /\.tsx?$/.test(one.target) && !files.some(({ path }) => path === one.target))
        .map(({ target }) => target),
    );
    expect(wrong).toEqual([]);
  });

  test('have no cycle at run time', () => {
    expect(findCycle()).toBeUndefined();
  });
});

describe('a package behind one door', () => {
  test.each([
    ['onnxruntime-node', /^graph\/session\.ts$/],
    ['fluent-ffmpeg', /^io\/ffmpeg\.ts$/],
    ['@huggingface/hub', /^io\/hub\.ts$/],
    ['@huggingface/transformers', /^understanding\/transformers\.ts$/],
    ['@tensorflow', /^understanding\/(tfjs|detect)\.ts$/],
    ['openai', /^understanding\/openai-endpoint\.ts$/],
    ['subsrt-ts', /^io\/subtitles\.ts$/],
    ['bullmq', /^jobs\/(queue|worker)[\w-]*\.ts$/],
    ['bullmq-otel', /^jobs\/queue-telemetry\.ts$/],
    ['@opentelemetry', /^jobs\/queue-telemetry\.ts$/],
    ['hono', /^server\//],
    ['@fastify/busboy', /^server\/read-upload\.ts$/],
    ['@hono/node-server', /^server\/(serve|board)\.ts$/],
    ['@bull-board', /^server\/board\.ts$/],
    ['@modelcontextprotocol/sdk', /^server\/mcp-[\w-]+\.ts$/],
    ['prom-client', /^server\/metrics\.ts$/],
    ['pg', /^jobs\/postgres-pool\.ts$/],
    ['@electric-sql/pglite', /^jobs\/embedded-host\.ts$/],
    ['@electric-sql/pglite-pgvector', /^jobs\/embedded-host\.ts$/],
  ])('%s', (name, door) => {
    expect(importersOf(name).filter((path) => !door.test(path))).toEqual([]);
  });
});

describe('what is used where', () => {
  test('the environment is read by the settings alone', () => {
    expect(usersOf('process.env').filter((path) => !/^(jobs\/settings\.ts$|scripts\/|tests\/)/.test(path))).toEqual([]);
  });

  test('models are functions of their arguments: no clock, no dice', () => {
    const models = /^(graph|compressor|dit|conditioning)\//;
    expect(usersOf('Math.random', 'Date.now', 'performance.now').filter((path) => models.test(path))).toEqual([]);
  });

  test('there are no default exports, but in tool configurations', () => {
    expect(broken((file) => (file.hasDefaultExport ? ['default export'] : []))).toEqual([
      'vitest.config.ts: default export',
    ]);
  });

  test('only the public entry is a barrel; jobs passes on errors of graph to those who may not import it', () => {
    const barrels = files.filter((file) => file.isBarrel).map(({ path }) => path);
    expect(barrels.filter((path) => path !== 'index.ts' && path !== 'jobs/errors.ts')).toEqual([]);
  });
});
