import { describe, expect, it } from 'vitest'
import { nameFromBytes } from '../../../../src/base/names.ts'
import { PreviousNames } from '../../../../src/ops/backup/previous-names.ts'
import { EMPTY_CONTENT } from '../../../../src/snapshot/content.ts'
import { type Entry, encodeEntry } from '../../../../src/snapshot/entry.ts'
import { entryNameBytes } from '../../../../src/snapshot/tree.ts'
import { entryOf } from '../../../../src/workers/file-pipeline.ts'
import { fileStat } from '../../../support/builders.ts'

const SIZE = 1_000_000

function entry(name: string, size: number, type: Entry['type'] = 'file'): Uint8Array {
  return encodeEntry({ ...entryOf(name, fileStat({ type, size }), undefined), content: EMPTY_CONTENT })
}

const namesOf = (entries: readonly Uint8Array[]) =>
  new PreviousNames({ content: EMPTY_CONTENT, tree: { owners: [], entries } })

/** The predecessor of a new name among files of `SIZE` bytes. */
function predecessor(name: string, before: readonly string[], size = SIZE): string | undefined {
  const names = namesOf([...before].sort().map((other) => entry(other, SIZE)))
  expect(names.find(name)).toBeUndefined()
  const found = names.predecessor(name, size)
  return found === undefined ? undefined : nameFromBytes(entryNameBytes(found))
}

describe('the names of the parent snapshot', () => {
  it.each([
    ['dump-2025-11-19.sql', ['dump-2025-11-17.sql', 'dump-2025-11-18.sql'], 'dump-2025-11-18.sql'],
    ['dump-2025-12-01.sql', ['dump-2025-11-30.sql', 'other.sql'], 'dump-2025-11-30.sql'],
    ['2025-11-19-shop.sql', ['2025-11-18-shop.sql', '2025-11-18-web.sql'], '2025-11-18-shop.sql'],
    ['backup.10.tar', ['backup.8.tar', 'backup.9.tar'], 'backup.9.tar'],
    ['db-final.sql', ['db.sql'], 'db.sql'],
    ['photo.jpg', ['dump.sql', 'report.pdf'], undefined],
    ['a', [], undefined],
  ])('know of what %s is the next version', (name, before, expected) => {
    expect(predecessor(name, before)).toBe(expected)
  })

  it('do not take a file of another size, or a directory, for a predecessor', () => {
    expect(predecessor('dump-2.sql', ['dump-1.sql'], SIZE * 4)).toBe('dump-1.sql')
    expect(predecessor('dump-2.sql', ['dump-1.sql'], SIZE * 5)).toBeUndefined()
    expect(predecessor('dump-2.sql', ['dump-1.sql'], SIZE / 5)).toBeUndefined()
    const names = namesOf([entry('dump-1.sql', 0, 'dir')])
    names.find('dump-2.sql')
    expect(names.predecessor('dump-2.sql', SIZE)).toBeUndefined()
  })

  it('are looked for near the new one only, however many there are', () => {
    const many = Array.from({ length: 200_000 }, (_, number) =>
      entry(`log-${String(number).padStart(6, '0')}`, SIZE),
    )
    const names = namesOf(many)
    const started = performance.now()
    for (let number = 0; number < 200_000; number += 20) {
      const name = `log-${String(number).padStart(6, '0')}b`
      names.find(name)
      expect(names.predecessor(name, SIZE)).toBeDefined()
    }
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})
