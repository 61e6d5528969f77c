import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIgnoreRules, type Rules } from '../../../src/filesystem/ignore-rules.ts'

/** A tree: a string is a file's text, an object a directory. */
type Tree = { readonly [name: string]: string | Tree }

/** The files that a walk keeps, as it would ask. */
function kept(tree: Tree, rules: Rules, ignoreFile = '.snapignore', path = ''): string[] {
  const text = tree[ignoreFile]
  const inner = typeof text === 'string' ? rules.withIgnoreFile(text) : rules
  return Object.entries(tree).flatMap(([name, child]) => {
    if (inner.ignores(name, typeof child !== 'string')) return []
    if (typeof child === 'string') return [path + name]
    return kept(child, inner.descend(name), ignoreFile, `${path}${name}/`)
  })
}

const files = (tree: Tree, ...patterns: string[]) => kept(tree, createIgnoreRules(patterns)).sort()

describe('ignore rules', () => {
  it('leave out nothing and stay the same object without patterns', () => {
    const rules = createIgnoreRules([])
    expect(rules.ignores('a', false)).toBe(false)
    expect(rules.descend('a').descend('b')).toBe(rules)
  })

  it('match names anywhere, anchored paths from the source on, and directories by a slash', () => {
    const tree = { 'a.o': '', sub: { 'a.o': '', build: { x: '' }, keep: '' }, build: '', top: '' }
    expect(files(tree, '*.o', 'build/', '/keep')).toEqual(['build', 'sub/keep', 'top'])
    expect(files(tree, '/sub/build')).toEqual(['a.o', 'build', 'sub/a.o', 'sub/keep', 'top'])
    expect(files(tree, 'sub/**/x', '/top')).toEqual(['a.o', 'build', 'sub/a.o', 'sub/keep'])
  })

  it('tell upper from lower case', () => {
    expect(files({ A: '', a: '' }, 'a')).toEqual(['A'])
  })

  it('take several lines, comments and a byte order mark', () => {
    expect(files({ a: '', b: '', c: '' }, '\ufeffa\n# b\n\nc\r\n')).toEqual(['b'])
  })

  it('take a name in again by a later negation', () => {
    expect(files({ 'a.log': '', 'b.log': '' }, '*.log', '!b.log')).toEqual(['b.log'])
  })

  it('let the ignore file of a deeper directory override', () => {
    const tree = {
      'x.log': '',
      sub: {
        '.snapignore': '!x.log\n/private\n',
        'x.log': '',
        private: '',
        deep: { private: '', 'x.log': '' },
      },
      private: '',
    }
    expect(files(tree, '*.log')).toEqual([
      'private',
      'sub/.snapignore',
      'sub/deep/private',
      'sub/deep/x.log',
      'sub/x.log',
    ])
  })

  it('judge what lies in a directory taken in again on its own', () => {
    const tree = { sub: { '.snapignore': '!build/', build: { 'a[1]*': { x: '', 'y.o': '' } } } }
    expect(files(tree, 'build/', '*.o')).toEqual(['sub/.snapignore', 'sub/build/a[1]*/x'])
  })

  it('never take in again what lies in an ignored directory', () => {
    expect(files({ out: { a: '' } }, 'out/', '!out/a')).toEqual([])
  })

  it('take time that grows as path and pattern do, and not with the number of wildcards', () => {
    const deep = createIgnoreRules([`${'**/a/'.repeat(40)}z`, `${'*a'.repeat(60)}b`]).descend(
      `${'a/'.repeat(999)}a`,
    )
    const started = performance.now()
    for (let times = 0; times < 20; times++) expect(deep.ignores('a'.repeat(250), false)).toBe(false)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('match names that are not UTF-8, that hold newlines or begin with dots', () => {
    expect(files({ 'a\udcff.o': '', 'b\nc.o': '', '..o': '', '...': '' }, '*.o')).toEqual(['...'])
  })

  it('descend several levels at once, with an ignore file there', () => {
    const rules = createIgnoreRules(['/a/b/c']).descend('a/b', 'd')
    expect([rules.ignores('c', false), rules.ignores('d', true), rules.ignores('e', false)]).toEqual([
      true,
      true,
      false,
    ])
  })
})

describe('ignore rules beside git', () => {
  let root = ''
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'snap-ignore-'))
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  it('keep the files that git would', () => {
    const tree: Tree = {
      '.gitignore': 'build/\n*.log\n!important.log\n/root-only\nfoo/**/bar\n*.[oa]\n\\#hash\nspace\\ \n',
      'root-only': '',
      '#hash': '',
      'a.o': '',
      'b.c': '',
      'important.log': '',
      build: { x: '' },
      foo: { one: { two: { bar: '', baz: '' } }, bar: '' },
      sub: {
        '.gitignore': '!build/\n*.c\n!/keep/\nkeep/*\n!keep/this\n',
        'root-only': '',
        'b.c': '',
        'important.log': '',
        'other.log': '',
        build: { x: '', 'y.o': '', build: { z: '' } },
        keep: { this: '', that: '' },
      },
    }
    const write = (part: Tree, path: string) => {
      for (const [name, child] of Object.entries(part)) {
        const full = join(path, name)
        mkdirSync(dirname(full), { recursive: true })
        if (typeof child === 'string') writeFileSync(full, child)
        else write(child, full)
      }
    }
    write(tree, root)
    const git = (...args: string[]) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' })
    git('init', '-q')
    const expected = git('ls-files', '-z', '--others', '--exclude-standard').split('\0').filter(Boolean)
    expect(kept(tree, createIgnoreRules([]), '.gitignore').sort()).toEqual(expected.sort())
    expect(expected.length).toBeGreaterThan(8)
  })

  it('leave out what git would, whatever the patterns are', () => {
    const repository = join(root, 'fuzz')
    const names = ['a', 'b', 'ab', 'b]', 'a b', '#a', '!a', 'c.o', '[a]']
    const tree: Tree = Object.fromEntries(
      names.map((name, at) => [
        name,
        at % 3 === 2 ? '' : { a: '', b: { a: '', 'c.o': '', ab: { b: '' } }, 'b]': '' },
      ]),
    )
    const write = (part: Tree, path: string): void => {
      mkdirSync(path, { recursive: true })
      for (const [name, child] of Object.entries(part)) {
        if (typeof child === 'string') writeFileSync(join(path, name), child)
        else write(child, join(path, name))
      }
    }
    write(tree, repository)
    const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' })
    git('init', '-q')
    const parts = [
      'a',
      'b',
      'c',
      '.o',
      '*',
      '**',
      '?',
      '/',
      '/',
      '!',
      '[',
      ']',
      '[ab]',
      '[!a]',
      '[a-c]',
      '[[:alpha:]]',
      '\\',
      ' ',
      '#',
      '-',
    ]
    const line = fc
      .array(fc.constantFrom(...parts), { minLength: 1, maxLength: 6 })
      .map((texts) => texts.join(''))
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 4 }),
        fc.array(line, { maxLength: 2 }),
        (above, below) => {
          // Behind literal text git takes `**/` for directories, unlike what it documents.
          fc.pre(![...above, ...below].some((text) => /[^/*]\*\*/.test(text)))
          const texts = { '.gitignore': above.join('\n'), 'a/.gitignore': below.join('\n') }
          for (const [file, text] of Object.entries(texts)) writeFileSync(join(repository, file), text)
          const inner = { ...(tree['a'] as Tree), '.gitignore': texts['a/.gitignore'] }
          const found = kept(
            { ...tree, '.gitignore': texts['.gitignore'], a: inner },
            createIgnoreRules([]),
            '.gitignore',
          )
          const expected = git('ls-files', '-z', '--others', '--exclude-standard').split('\0').filter(Boolean)
          expect(found.sort(), JSON.stringify(texts)).toEqual(expected.sort())
        },
      ),
      { numRuns: 300 },
    )
  })
})
