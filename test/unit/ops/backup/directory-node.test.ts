import { describe, expect, it } from 'vitest'
import { DirectoryNode, type PreviousDirectory } from '../../../../src/ops/backup/directory-node.ts'

const bytes = (...values: number[]) => Uint8Array.of(...values)

function nodeOf(entries?: readonly Uint8Array[]): DirectoryNode {
  const previous: PreviousDirectory | undefined =
    entries === undefined
      ? undefined
      : { tree: { owners: [], entries }, content: { levels: 0, items: bytes() } }
  return new DirectoryNode({ name: 'd', path: '/d', stat: undefined, previous, parent: undefined })
}

describe('a directory on its way', () => {
  it('is complete when all names were seen and every slot is filled', () => {
    const node = nodeOf()
    const slots = [node.reserve(), node.reserve()]
    node.push(bytes(9))
    expect(node.isComplete).toBe(false)
    node.fill(slots[1]!, bytes(2))
    node.listed()
    expect(node.isComplete).toBe(false)
    node.fill(slots[0]!, bytes(1))
    expect(node.isComplete).toBe(true)
    expect(node.entries()).toEqual([bytes(1), bytes(2), bytes(9)])
  })

  it('is not complete before all names were seen, even where all slots are filled', () => {
    const node = nodeOf()
    node.fill(node.reserve(), bytes(1))
    expect(node.isComplete).toBe(false)
    node.listed()
    expect(node.isComplete).toBe(true)
  })

  it('leaves out what vanished', () => {
    const node = nodeOf([bytes(1), bytes(2)])
    node.push(bytes(1))
    node.reserve()
    node.listed()
    node.drop()
    expect(node.isComplete).toBe(true)
    expect(node.entries()).toEqual([bytes(1)])
    expect(node.isUnchanged).toBe(false)
  })

  it('fills a slot once', () => {
    const node = nodeOf()
    const slot = node.reserve()
    node.fill(slot, bytes(1))
    expect(() => node.fill(slot, bytes(1))).toThrow('filled once')
  })

  it.each<[string, Uint8Array[] | undefined, Uint8Array[], boolean]>([
    ['the same entries', [bytes(1), bytes(2)], [bytes(1), bytes(2)], true],
    ['no entries, and none before', [], [], true],
    ['one that differs', [bytes(1), bytes(2)], [bytes(1), bytes(3)], false],
    ['one more', [bytes(1)], [bytes(1), bytes(2)], false],
    ['one less', [bytes(1), bytes(2)], [bytes(1)], false],
    ['no directory before', undefined, [], false],
  ])('says whether it is unchanged with %s', (_, before, after, unchanged) => {
    const node = nodeOf(before)
    for (const entry of after) node.push(entry)
    node.listed()
    expect(node.isUnchanged).toBe(unchanged)
  })

  it('is not unchanged where its list could not be read', () => {
    const node = nodeOf([])
    node.unreadable = 'EACCES'
    node.listed()
    expect(node.isUnchanged).toBe(false)
  })
})
