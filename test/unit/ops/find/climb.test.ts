import { expect, test } from 'vitest'
import { Climb } from '../../../../src/ops/find/climb.ts'
import { SnapshotSet } from '../../../../src/ops/find/snapshot-set.ts'

/** `[parent, name, child]` */
type Edge = readonly [number, string, number]

class Edges {
  readonly #edges: readonly Edge[]
  asked = 0

  constructor(edges: readonly Edge[]) {
    this.#edges = edges
  }

  parentsOf(child: number, limit: number) {
    this.asked += 1
    return this.#edges
      .filter((edge) => edge[2] === child)
      .slice(0, limit)
      .map(([tree, name]) => ({ tree, name: Buffer.from(name) }))
  }
}

const setOf = (...members: number[]) => new SnapshotSet(20, members)
const shown = (climb: Climb, tree: number) =>
  Object.fromEntries([...climb.places(tree)].map(([path, set]) => [path, set.members()]))

test('a set holds what was put in, also beyond a byte', () => {
  const set = setOf(0, 7, 8, 19)
  expect(set.members()).toEqual([0, 7, 8, 19])
  expect(set.has(19) && !set.has(18)).toBe(true)
  expect(set.or(setOf(3)).members()).toEqual([0, 3, 7, 8, 19])
  expect(set.and(setOf(7, 9)).members()).toEqual([7])
  expect([setOf().isEmpty, set.isEmpty]).toEqual([true, false])
  expect(set.members()).toEqual([0, 7, 8, 19])
})

test('one directory at two paths in two snapshots, and under several parents', () => {
  const edges = new Edges([
    [1, 'home', 10],
    [2, 'backup', 10],
    [2, 'home', 10],
    [10, 'x', 20],
    [10, 'y', 20],
    [99, 'nowhere', 20],
  ])
  const climb = new Climb(
    edges,
    new Map([
      [1, setOf(0)],
      [2, setOf(1)],
    ]),
  )
  expect(shown(climb, 20)).toEqual({
    '/home/x': [0, 1],
    '/home/y': [0, 1],
    '/backup/x': [1],
    '/backup/y': [1],
  })
  expect(shown(climb, 1)).toEqual({ '': [0] })
  expect(shown(climb, 99)).toEqual({})
  expect(climb.isCut).toBe(false)
  const asked = edges.asked
  climb.places(20)
  expect(edges.asked).toBe(asked)
})

test('2^64 paths are cut, in little time', () => {
  const doubled = Array.from({ length: 64 }, (_, level): Edge[] => [
    [level, 'a', level + 1],
    [level, 'b', level + 1],
  ]).flat()
  const climb = new Climb(new Edges(doubled), new Map([[0, setOf(0)]]))
  expect(climb.places(10).size).toBe(1_024)
  expect(climb.isCut).toBe(false)
  expect(climb.places(64).size).toBeLessThanOrEqual(65_536)
  expect(climb.isCut).toBe(true)
})

test('a circle and a bottomless chain end', () => {
  const circle = new Climb(
    new Edges([
      [1, 'a', 2],
      [2, 'b', 1],
      [2, 'c', 2],
    ]),
    new Map([[1, setOf(0)]]),
  )
  expect(circle.places(2).get('/a')?.members()).toEqual([0])
  expect(circle.isCut).toBe(true)
  const chain = Array.from({ length: 6_000 }, (_, level): Edge => [level, 'a', level + 1])
  const byChild = new Map(chain.map((edge) => [edge[2], edge]))
  const parentsOf = (child: number) =>
    [byChild.get(child)]
      .filter((edge) => edge !== undefined)
      .map(([tree]) => ({ tree, name: Buffer.from('a') }))
  const deep = new Climb({ parentsOf }, new Map([[0, setOf(0)]]))
  expect(deep.places(6_000).size).toBe(0)
  expect(deep.isCut).toBe(true)
})
