// The compiler's interface to other programs has no stable form yet: package.json names the exact version.
import {
  isCallExpression,
  isFunctionLikeDeclaration,
  isIdentifier,
  isPropertyAccessExpression,
  isTaggedTemplateExpression,
  type Node,
  type SourceFile,
} from 'typescript/unstable/ast';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';

/** A file by its path from the root, with its text. */
interface Text {
  readonly path: string;
  readonly text: string;
}

/** Nothing is looked up beside the texts: how they read is all that is asked. */
const CONFIG = JSON.stringify({ compilerOptions: { noLib: true, noResolve: true, types: [] } });

/**
 * Functions of any form (declarations, expressions, arrows, methods, accessors, constructors) that have more lines than
 * allowed, signature and body together. What declares test cases is as long as they are many, and not counted: each case is.
 * @param linesMax lines that a function may have, 1 or more
 * @returns where each begins and how long it is, in the order of the texts
 */
export function longFunctions(texts: readonly Text[], linesMax: number): readonly string[] {
  // A function is no longer than its file: short files need not be read.
  const read = texts.filter(({ text }) => text.split('\n').length > linesMax);
  const api = new API({
    cwd: '/',
    fs: createVirtualFileSystem({
      '/tsconfig.json': CONFIG,
      ...Object.fromEntries(read.map(({ path, text }) => [`/${path}`, text])),
    }),
  });
  try {
    const { program } = api.updateSnapshot({ openProjects: ['/tsconfig.json'] }).getProjects()[0] ?? none();
    return read.flatMap(({ path }) => {
      const file = program.getSourceFile(`/${path}`) ?? none();
      return longIn(file, file, linesMax).map((found) => `${path}:${found}`);
    });
  } finally {
    api.close();
  }
}

function none(): never {
  throw new Error('the compiler has read another project than it was given');
}

/** The long functions in a node. What is not long has none in it. */
function longIn(node: Node, file: SourceFile, linesMax: number): string[] {
  const lineOf = (position: number) => file.getLineAndCharacterOfPosition(position).line + 1;
  const from = lineOf(node.getStart(file));
  const lines = lineOf(node.end) - from + 1;
  if (lines <= linesMax) return [];
  const isCounted = isFunctionLikeDeclaration(node) && node.body !== undefined && !declaresCases(node.body);
  const found = isCounted ? [`${from} ${lines} lines`] : [];
  node.forEachChild((child) => {
    found.push(...longIn(child, file, linesMax));
  });
  return found;
}

/** Whether a function's body calls `describe`, `it` or `test` itself, not in a function within it. */
function declaresCases(body: Node): boolean {
  return !isFunctionLikeDeclaration(body) && (declares(body) || body.forEachChild(declaresCases) === true);
}

/** `test(…)`, `describe.skipIf(…)(…)`, `` it.each`…`(…) ``. */
function declares(node: Node): boolean {
  if (!isCallExpression(node)) return false;
  let called: Node = node.expression;
  while (!isIdentifier(called)) {
    if (isCallExpression(called) || isPropertyAccessExpression(called)) called = called.expression;
    else if (isTaggedTemplateExpression(called)) called = called.tag;
    else return false;
  }
  return ['describe', 'it', 'test'].includes(called.text);
}
