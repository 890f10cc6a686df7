// Reads what the architecture test judges: of every .ts file of the program, its imports and the names it uses.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface Import {
  /** A path from the root of the repository, or a package's name. */
  readonly target: string;
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly imports: readonly Import[];
  readonly hasDefaultExport: boolean;
  /** It holds nothing of its own, only what it passes on. */
  readonly isBarrel: boolean;
  /** Every `a.b` of two plain names, e.g. Math.random. */
  readonly members: ReadonlySet<string>;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function isTypeOnly(clause: ts.ImportClause | ts.NamedExports | undefined): boolean {
  if (clause === undefined) return false;
  if (ts.isNamedExports(clause)) return clause.elements.every((element) => element.isTypeOnly);
  if (clause.isTypeOnly) return true;
  const { name, namedBindings } = clause;
  if (name !== undefined || namedBindings === undefined || ts.isNamespaceImport(namedBindings)) return false;
  return namedBindings.elements.every((element) => element.isTypeOnly);
}

function importOf(node: ts.Node): { specifier: string; typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier))
    return { specifier: node.moduleSpecifier.text, typeOnly: isTypeOnly(node.importClause) };
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
    const named =
      node.exportClause !== undefined && ts.isNamedExports(node.exportClause) ? node.exportClause : undefined;
    return { specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly || isTypeOnly(named) };
  }
  const argument =
    ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && node.arguments[0];
  return argument && ts.isStringLiteral(argument) ? { specifier: argument.text, typeOnly: false } : undefined;
}

const isDefaultExport = (node: ts.Node): boolean =>
  (ts.isExportAssignment(node) && node.isExportEquals !== true) ||
  (ts.canHaveModifiers(node) &&
    (ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) ?? false));

function parse(path: string): SourceFile {
  const imports: Import[] = [];
  const members = new Set<string>();
  let hasDefaultExport = false;
  const visit = (node: ts.Node): void => {
    const found = importOf(node);
    if (found !== undefined) {
      const { specifier, typeOnly } = found;
      const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier;
      imports.push({ target, typeOnly });
    }
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression))
      members.add(`${node.expression.text}.${node.name.text}`);
    hasDefaultExport ||= isDefaultExport(node);
    ts.forEachChild(node, visit);
  };
  const file = ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest);
  visit(file);
  const isBarrel = file.statements.every((node) => ts.isImportDeclaration(node) || ts.isExportDeclaration(node));
  return { path, imports, hasDefaultExport, isBarrel, members };
}

const skipped = ['node_modules', 'dist'];

/** Every .ts file of the repository, parsed. */
export function sourceFiles(): readonly SourceFile[] {
  const top = readdirSync(root, { withFileTypes: true }).filter(
    ({ name }) => !name.startsWith('.') && !skipped.includes(name),
  );
  const paths = top.flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(root, entry.name), { recursive: true, encoding: 'utf8' }).map((path) => join(entry.name, path))
      : [entry.name],
  );
  return paths
    .map((path) => path.split(sep).join('/'))
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map(parse);
}
