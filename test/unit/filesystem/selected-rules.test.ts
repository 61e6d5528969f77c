import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePathGlob } from '../../../src/base/glob.ts'
import type { Rules } from '../../../src/filesystem/ignore-rules.ts'
import {
  type PathSelection,
  rulesOfSelections,
  selectGlob,
  selectTree,
} from '../../../src/filesystem/selected-rules.ts'

/** A directory has entries; a file has none. */
type Tree = { readonly [name: string]: Tree | null }

const TREE: Tree = {
  docs: { 'a.pdf': null, 'b.tmp': null, old: { 'c.pdf': null, 'd.tmp': null }, empty: {} },
  src: { 'main.ts': null, build: { 'main.js': null } },
  'x.pdf': null,
}

/** Paths of the files that a walk comes by which begins at `/` with `rules`. */
function walked(tree: Tree, rules: Rules, path = ''): string[] {
  return Object.entries(tree).flatMap(([name, below]) => {
    if (rules.ignores(name, below !== null)) return []
    if (below === null) return [`${path}/${name}`]
    return walked(below, rules.descend(name), `${path}/${name}`)
  })
}

const files = (...selections: PathSelection[]): string[] =>
  walked(TREE, rulesOfSelections(selections, '/')).sort()

describe('selections', () => {
  it.each<[string, PathSelection[], string[]]>([
    ['a tree', [selectTree('/docs/old', [])], ['/docs/old/c.pdf', '/docs/old/d.tmp']],
    ['a tree with patterns', [selectTree('/docs', ['*.tmp', 'old/'])], ['/docs/a.pdf']],
    ['a file', [selectTree('/src/main.ts', [])], ['/src/main.ts']],
    ['all', [selectTree('/', ['*.pdf', '*.tmp'])], ['/src/build/main.js', '/src/main.ts']],
    ['a glob of names', [selectGlob('/docs/*.pdf', [])], ['/docs/a.pdf']],
    ['a glob of any depth', [selectGlob('/docs/**/*.pdf', [])], ['/docs/a.pdf', '/docs/old/c.pdf']],
    ['a glob from the root', [selectGlob('/**/*.pdf', [])], ['/docs/a.pdf', '/docs/old/c.pdf', '/x.pdf']],
    ['a glob that matches a directory', [selectGlob('/*/b*', [])], ['/docs/b.tmp', '/src/build/main.js']],
    ['a glob without wildcards', [selectGlob('/src/build', [])], ['/src/build/main.js']],
    ['a glob with patterns', [selectGlob('/docs/**', ['*.tmp'])], ['/docs/a.pdf', '/docs/old/c.pdf']],
    ['a glob with a name that has a wildcard in it', [selectGlob('/docs/\\a.pdf', [])], ['/docs/a.pdf']],
  ])('of %s are what they say', (_, selections, expected) => {
    expect(files(...selections)).toEqual(expected)
  })

  it('leave out only what all of them leave out', () => {
    const outer = selectTree('/docs', ['old/', '*.pdf'])
    const inner = selectTree('/docs/old', ['*.tmp'])
    expect(files(outer)).toEqual(['/docs/b.tmp'])
    expect(files(outer, inner)).toEqual(['/docs/b.tmp', '/docs/old/c.pdf'])
    expect(files(inner, outer)).toEqual(['/docs/b.tmp', '/docs/old/c.pdf'])
  })

  it('begin at any directory on the way', () => {
    const rules = rulesOfSelections(
      [selectTree('/docs', ['/old/c.pdf']), selectTree('/src', [])],
      '/docs/old',
    )
    expect(walked({ 'c.pdf': null, 'd.tmp': null }, rules)).toEqual(['/d.tmp'])
  })

  it('go down several names at once', () => {
    const rules = rulesOfSelections([selectGlob('/docs/**/*.pdf', [])], '/').descend('docs/old')
    expect(walked({ 'c.pdf': null, 'd.tmp': null }, rules)).toEqual(['/c.pdf'])
  })

  it('let ignore files have their say', () => {
    const rules = rulesOfSelections([selectTree('/docs', [])], '/docs').withIgnoreFile('*.tmp')
    expect(rules.ignores('b.tmp', false)).toBe(true)
    expect(rules.descend('old').ignores('d.tmp', false)).toBe(true)
    const below = rulesOfSelections([selectTree('/docs', [])], '/docs').descend('old', '*.tmp')
    expect(below.ignores('d.tmp', false)).toBe(true)
  })

  it('are known to leave out nothing, so that unchanged directories need not be walked', () => {
    expect(rulesOfSelections([selectTree('/docs', [])], '/docs').areNone).toBe(true)
    expect(rulesOfSelections([selectTree('/docs', ['x'])], '/docs').areNone).toBe(false)
    expect(rulesOfSelections([selectTree('/docs', ['x']), selectTree('/docs', [])], '/docs').areNone).toBe(
      true,
    )
    expect(rulesOfSelections([selectTree('/docs/old', [])], '/docs').areNone).toBe(false)
    expect(rulesOfSelections([selectGlob('/docs/*', [])], '/docs').areNone).toBe(false)
  })

  it('hold exactly what one of them holds by itself', () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.dictionary(name, fc.oneof({ depthSize: 'small' }, fc.constant(null), tie('tree')), {
        maxKeys: 3,
      }),
    })).tree
    const path = fc.array(name, { maxLength: 3 }).map((names) => `/${names.join('/')}`)
    const part = fc.constantFrom('a', 'b', '*', '**', '?')
    const glob = fc.array(part, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}`)
    const excludes = fc.array(fc.constantFrom('a', 'b/', '/c', 'a/b', '!a'), { maxLength: 2 })
    const selection = fc.oneof(
      fc.tuple(path, excludes).map(([root, patterns]) => selectTree(root, patterns)),
      fc.tuple(glob, excludes).map(([text, patterns]) => selectGlob(text, patterns)),
    )
    fc.assert(
      fc.property(tree, fc.array(selection, { minLength: 1, maxLength: 3 }), (top, selections) => {
        const alone = selections.flatMap((one) => walked(top, rulesOfSelections([one], '/')))
        expect(walked(top, rulesOfSelections(selections, '/')).sort()).toEqual([...new Set(alone)].sort())
      }),
      { numRuns: 2000 },
    )
  })

  it('of a glob hold what it matches, and what lies below that', () => {
    const name = fc.constantFrom('a', 'b')
    const part = fc.constantFrom('a', 'b', '*', '**')
    const glob = fc.array(part, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}`)
    const file = fc.array(name, { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(glob, file, (text, names) => {
        const top = names.reduceRight<Tree | null>((below, one) => ({ [one]: below }), null) as Tree
        // A file where its directories should be is no directory to look into, and is taken as it is.
        fc.pre(selectGlob(text, []).root !== `/${names.join('/')}`)
        const compiled = compilePathGlob(text)
        const expected = names.some((_, index) => compiled.matches(names.slice(0, index + 1)))
        expect(walked(top, rulesOfSelections([selectGlob(text, [])], '/')).length > 0).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })
})
