import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Json, Sandbox } from '../support/snap.ts'
import { writeTree } from '../support/tree.ts'

const box = new Sandbox()
const docs = box.path('docs')
const ESCAPE = '\u001b[31m'

function write(name: string, text: string, mtime: string): void {
  writeFileSync(box.path('docs', name), text)
  utimesSync(box.path('docs', name), new Date(mtime), new Date(mtime))
}

async function found(args: readonly string[]): Promise<Json[]> {
  return JSON.parse((await box.ok(['find', '--json', ...args])).stdout)
}

beforeAll(async () => {
  writeTree(docs, { 'deep/er/b.conf': 'b', 'same.txt': 'same' })
  write('notes.txt', 'one', '2025-01-01T00:00:00Z')
  write(`evil${ESCAPE}.txt`, 'x', '2025-01-01T00:00:00Z')
  mkdirSync(box.path('docs', 'notes.d'))
  writeFileSync(Buffer.concat([Buffer.from(`${docs}/raw`), Buffer.of(0xff)]), 'raw')
  await box.init()
  for (const day of ['01', '02', '03'])
    await box.ok(['backup', docs, '--host', 'main', '--time', `2025-06-${day}T12:00:00Z`])
  write('notes.txt', 'three', '2025-06-03T18:00:00Z')
  await box.ok(['backup', docs, '--host', 'other', '--tag', 'weekly', '--time', '2025-06-04T12:00:00Z'])
  await box.ok(['backup', docs, '--host', 'main', '--time', '2025-06-05T12:00:00Z'])
})

describe('find', () => {
  it('lists the versions of a file, snapshots in a row as one', async () => {
    const ids = (await box.snapshots()).map(({ short_id }) => short_id)
    const { stdout, stderr } = await box.ok(['find', 'notes.txt'])
    expect(stdout.split('\n')).toEqual([
      `${docs}/notes.txt  (main)`,
      `  2025-01-01 00:00:00         3 B  ${ids[0]}..${ids[2]} of 2025-06-01 12:00:00 to 2025-06-03 12:00:00 (3)`,
      `  2025-06-03 18:00:00         5 B  ${ids[4]} of 2025-06-05 12:00:00`,
      `${docs}/notes.txt  (other)`,
      `  2025-06-03 18:00:00         5 B  ${ids[3]} of 2025-06-04 12:00:00`,
      '1 path, 3 versions',
      '',
    ])
    expect(stderr).toBe('')
  })

  it('prints an array with an object for each snapshot, as restic does', async () => {
    const snapshots = await box.snapshots()
    const array = await found(['notes.txt'])
    expect(array.map(({ snapshot }) => snapshot)).toEqual(snapshots.map(({ id }) => id))
    expect(array[0]).toEqual({
      hits: 1,
      snapshot: snapshots[0].id,
      matches: [
        {
          path: `${docs}/notes.txt`,
          permissions: '-rw-r--r--',
          type: 'file',
          mode: 0o644,
          mtime: '2025-01-01T00:00:00.000000000Z',
          uid: process.getuid?.(),
          gid: process.getgid?.(),
          size: 3,
        },
      ],
    })
    expect(array[3].matches[0].size).toBe(5)
  })

  it('searches only the snapshots that pass the filters', async () => {
    const ids = (await box.snapshots()).map(({ id }) => id)
    const searched = async (...args: string[]) =>
      (await found(['notes.txt', ...args])).map(({ snapshot }) => ids.indexOf(snapshot))
    expect(await searched('--host', 'other')).toEqual([3])
    expect(await searched('--tag', 'weekly')).toEqual([3])
    expect(await searched('--path', docs)).toEqual([0, 1, 2, 3, 4])
    expect(await searched('--path', '/elsewhere')).toEqual([])
    expect(await searched('--snapshot', ids[1], '-s', 'latest')).toEqual([1, 4])
    expect(await searched('--at', '2025-06-02T13:00:00Z')).toEqual([1])
    expect(await searched('--newest', '2025-01-01')).toEqual([0, 1, 2])
    expect(await searched('--oldest', '2025-01-02')).toEqual([3, 4])
    expect(await searched('--newest-only', '--host', 'other')).toEqual([3])
  })

  it('matches by name, by path, by type and without case', async () => {
    const paths = async (...args: string[]) => {
      const all = (await found(args)).flatMap(({ matches }) => matches.map(({ path }: Json) => path))
      return [...new Set(all)].map((path) => String(path).slice(docs.length))
    }
    expect(await paths('notes*')).toEqual(['/notes.d', '/notes.txt'])
    expect(await paths('notes*', '--type', 'd')).toEqual(['/notes.d'])
    expect(await paths('NOTES.t?t')).toEqual([])
    expect(await paths('NOTES.t?t', '-i')).toEqual(['/notes.txt'])
    expect(await paths(`${docs}/*/*.conf`)).toEqual([])
    expect(await paths(`${docs}/**/*.conf`)).toEqual(['/deep/er/b.conf'])
    expect(await paths('[ns]*.txt', 'b.conf')).toEqual(['/deep/er/b.conf', '/notes.txt', '/same.txt'])
  })

  it('shows names that drive a terminal escaped, and their bytes in JSON', async () => {
    const { stdout } = await box.ok(['find', 'evil*', 'raw?'])
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toContain(`${docs}/evil\\x1b[31m.txt`)
    expect(stdout).toContain(`${docs}/raw\\xff`)
    const json = await box.ok(['find', '--json', 'evil*', 'raw?', '-s', 'latest'])
    expect(json.stdout).not.toContain('\u001b')
    const [{ matches }] = JSON.parse(json.stdout)
    expect(matches[0].path).toBe(`${docs}/evil${ESCAPE}.txt`)
    expect(matches[1].path).toBe(`${docs}/raw\ufffd`)
    expect(Buffer.from(matches[1].path_b64, 'base64').at(-1)).toBe(0xff)
  })

  it('says so where nothing matched, and that is no error', async () => {
    expect((await box.ok(['find', 'nothing*'])).stdout).toBe('no match\n')
    expect((await box.ok(['find', 'nothing*', '--json'])).stdout).toBe('[]\n')
    const none = await box.ok(['find', '*', '--host', 'unknown'])
    expect([none.stdout, none.stderr]).toEqual(['no match\n', 'no snapshot passes the filters\n'])
    const empty = new Sandbox()
    await empty.init()
    expect((await empty.ok(['find', 'nothing*'])).stderr).toBe('the repository has no snapshots\n')
    expect((await box.ok(['find', '--json', 'notes.txt'])).stdout).toMatch(/^\[.*\]\n$/)
  })

  it('refuses what it cannot understand', async () => {
    for (const args of [[], ['x', '--type', 'q'], [''], ['x', '-s', 'latest', '--at', 'now']])
      await box.expect(2, ['find', ...args])
    await box.expect(1, ['find', 'x', '-s', 'ffffffff'])
  })

  it('finds the same after the manifest was lost', async () => {
    const before = (await box.ok(['find', '*'])).stdout
    await box.ok(['find', '*'], { env: { SNAP_CACHE_DIR: box.path('other-cache') } })
    const after = await box.ok(['find', '*'], { env: { SNAP_CACHE_DIR: box.path('other-cache') } })
    expect(after.stdout).toBe(before)
  })
})
