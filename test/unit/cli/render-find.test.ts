import { expect, test } from 'vitest'
import { renderFound, renderFoundJson } from '../../../src/cli/render/find.ts'
import type { FoundFile, FoundVersion } from '../../../src/ops/find/found-files.ts'
import { SnapshotSet } from '../../../src/ops/find/snapshot-set.ts'

const DAY_MS = 86_400_000
/** Twelve of one series, then two of another that are older. */
const snapshots = Array.from({ length: 14 }, (_, place) => ({
  id: `${place}`.padStart(2, '0').padEnd(32, 'a'),
  time: Date.UTC(2025, 5, 1) + (place < 12 ? place : place - 40) * DAY_MS,
  series: place < 12 ? 'one' : 'two',
  number: place,
}))

function version(held: readonly number[], more: Partial<FoundVersion> = {}): FoundVersion {
  const times = { mtimeSec: 1_700_000_000, mtimeNsec: 5 }
  const owner = { mode: 0o4755, uid: 1, gid: 2 }
  return { type: 'file', size: 2048, ...times, ...owner, snapshots: new SnapshotSet(14, held), ...more }
}

const file = (path: string, ...versions: FoundVersion[]): FoundFile => ({ path, hostname: 'web1', versions })
const text = (...files: FoundFile[]) => [...renderFound(files, snapshots, 'UTC')].join('')
const json = (...files: FoundFile[]) => JSON.parse([...renderFoundJson(files, snapshots)].join(''))

test('snapshots in a row are one, also at the border of a series, and few rows are named', () => {
  const every = Array.from({ length: 14 }, (_, place) => place)
  expect(text(file('/a', version(every)))).toBe(
    '/a\n' +
      '  2023-11-14 22:13:20     2.0 KiB  00aaaaaa..11aaaaaa of 2025-06-01 00:00:00 to 2025-06-12 00:00:00 (12),' +
      ' 12aaaaaa..13aaaaaa of 2025-05-04 00:00:00 to 2025-05-05 00:00:00 (2)\n' +
      '1 path, 1 version\n',
  )
  const line = text(file('/a', version([0, 2, 4, 6, 7]))).split('\n')[1]
  expect(line).toMatch(/00aaaaaa of .*, 02aaaaaa of .*, 04aaaaaa of .*, 2 more snapshots$/)
})

test('what is no file says what it is', () => {
  expect(text(file('/a', version([0], { type: 'symlink' })))).toMatch(/ {2}symlink {2}00aaaaaa/)
})

test('names do not drive the terminal, and neither do hosts', () => {
  const evil = { ...file('/a\u001b[2J\udcff\u202e', version([0])), hostname: 'web\u0007' }
  const shown = text(evil, file('/b', version([1])))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  expect(shown).not.toMatch(/[\u0000-\u0009\u001b\u202e\udcff]/)
  expect(shown).toContain('/a\\x1b[2J\\xff\\u{202e}  (web\\x07)\n')
})

test('JSON has the snapshots with a match, the oldest first', () => {
  const found = json(file('/a', version([0, 12])), file('/b', version([12], { size: 7 })))
  expect(found).toMatchObject([
    { snapshot: snapshots[12]?.id, hits: 2, matches: [{ path: '/a' }, { path: '/b', size: 7 }] },
    { snapshot: snapshots[0]?.id, hits: 1, matches: [{ permissions: '-rwsr-xr-x', size: 2048 }] },
  ])
  expect(json()).toEqual([])
})
