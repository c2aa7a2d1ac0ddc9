import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What the pages refer to exists: files, headings, folders; and nothing is told twice, to be changed in one place only. */

const ROOT = resolve(import.meta.dirname, '..');
const FOLDERS = ['docs', 'k8s', 'routing-rules', 'src', 'test'];
const paths = [
  'README.md',
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.md'))
      .map((path) => join(folder, path)),
  ),
];

/** A page without what stands in its fenced blocks. */
function proseOf(text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, '');
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of proseOf(text).matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = plain.replaceAll(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-');
    let free = anchor;
    for (let count = 1; anchors.has(free); count += 1) free = `${anchor}-${count}`;
    anchors.add(free);
  }
  return anchors;
}

const pages = new Map(paths.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));

/** Links of a page to what lies in the repository. */
function linksOf(text: string): readonly string[] {
  return [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^https?:/.test(link));
}

/** What is wrong with a link of a page; null: it leads somewhere. */
function linkProblem(path: string, link: string): string | null {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? path : relative(ROOT, resolve(ROOT, dirname(path), file));
  if (!existsSync(join(ROOT, target))) return `${path}: ${link}: there is no ${target}`;
  if (anchor === undefined) return null;
  const text = pages.get(target);
  if (text === undefined) return `${path}: ${link}: ${target} is no page`;
  return anchorsOf(text).has(anchor) ? null : `${path}: ${link}: ${target} has no such heading`;
}

describe('the pages', () => {
  it('link to files and headings that there are', () => {
    const links = [...pages].flatMap(([path, text]) => linksOf(text).map((link) => ({ path, link })));
    expect(links.length).toBeGreaterThan(100);
    expect(links.filter(({ link }) => link.includes('#')).length).toBeGreaterThan(20);
    expect(links.flatMap(({ path, link }) => linkProblem(path, link) ?? [])).toEqual([]);
    expect(linkProblem('README.md', 'docs/nowhere.md')).toContain('there is no docs/nowhere.md');
    expect(linkProblem('docs/journal.md', '#nowhere')).toContain('has no such heading');
  });

  it('are all reached from the README', () => {
    const reached = new Set(['README.md']);
    for (const path of reached) {
      for (const link of linksOf(pages.get(path) ?? '')) {
        const target = relative(ROOT, resolve(ROOT, dirname(path), link.split('#')[0] ?? ''));
        if (pages.has(target)) reached.add(target);
      }
    }
    expect([...pages.keys()].filter((path) => !reached.has(path))).toEqual([]);
  });

  it('name files and folders that there are', () => {
    const named = ['README.md', ...paths.filter((path) => path.startsWith('docs/'))].flatMap((page) =>
      [...(pages.get(page) ?? '').matchAll(/`((?:src|test|routing-rules|k8s|docs)\/[\w./*-]+)`/g)].map(
        ([, path = '']) => ({ page, path }),
      ),
    );
    expect(named.length).toBeGreaterThan(80);
    const missing = named.filter(({ path }) => !path.includes('*') && !existsSync(join(ROOT, path)));
    expect(missing).toEqual([]);
  });

  it('say a thing in one place', () => {
    const where = new Map<string, string[]>();
    for (const [page, text] of pages) {
      if (page !== 'README.md' && !page.startsWith('docs/')) continue;
      for (const line of new Set(proseOf(text).split('\n'))) {
        if (line.length > 70) where.set(line, [...(where.get(line) ?? []), page]);
      }
    }
    expect(where.size).toBeGreaterThan(500);
    expect([...where].filter(([, at]) => at.length > 1)).toEqual([]);
  });
});
