import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinPath, type RootNode, rootTree } from '../../../../src/ops/backup/roots.ts'

/** The selected paths of a tree, sorted. */
function selected(node: RootNode): string[] {
  if (node.selected) return [node.path]
  return [...node.children.values()].flatMap(selected).sort()
}

describe('the tree of sources', () => {
  it('leads to each path', () => {
    const root = rootTree(['/a/b', '/a/c', '/d'])
    expect(root).toMatchObject({ path: '/', selected: false })
    expect([...root.children.keys()]).toEqual(['a', 'd'])
    expect(root.children.get('a')).toMatchObject({ path: '/a', selected: false })
    expect(root.children.get('a')!.children.get('b')).toMatchObject({ path: '/a/b', selected: true })
  })

  it.each<[string[], string[]]>([
    [['/'], ['/']],
    [['/', '/a'], ['/']],
    [['/a', '/'], ['/']],
    [['/a/b/c', '/a'], ['/a']],
    [['/a', '/a/b/c'], ['/a']],
    [['/a', '/a'], ['/a']],
    [
      ['/a', '/ab'],
      ['/a', '/ab'],
    ],
  ])('of %j selects %j', (paths, expected) => {
    expect(selected(rootTree(paths))).toEqual(expected)
  })

  it('selects exactly the paths that no other covers, in whatever order they come', () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
      .map((names) => `/${names.join('/')}`)
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 8 }), (paths) => {
        const uncovered = paths.filter((each) => !paths.some((other) => each.startsWith(`${other}/`)))
        expect(selected(rootTree(paths))).toEqual([...new Set(uncovered)].sort())
      }),
    )
  })

  it('joins names to the root without a double slash', () => {
    expect([joinPath('/', 'a'), joinPath('/a', 'b')]).toEqual(['/a', '/a/b'])
  })
})
