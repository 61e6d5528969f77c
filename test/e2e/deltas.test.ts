import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { Sandbox } from '../support/snap.ts'
import { rsyncDifferences, seededBytes, seededText } from '../support/tree.ts'

const MIB = 1_048_576

/** A byte changed every so often, in place. */
function edit(path: string, bytes: number, every: number): void {
  const fd = openSync(path, 'r+')
  for (let at = 0; at < bytes; at += every) writeSync(fd, '\u0007', at + (at % 977))
  closeSync(fd)
}

describe('edited files', () => {
  const box = new Sandbox()
  const source = box.path('source')
  let first: { snapshot_id: string; data_added_packed: number }
  let second: { snapshot_id: string; data_added_packed: number }

  beforeAll(async () => {
    mkdirSync(`${source}/small`, { recursive: true })
    mkdirSync(box.path('copy'))
    // Larger than a piece: several threads work on it. What repeats is far apart.
    writeFileSync(`${source}/image`, Buffer.concat([seededBytes(40 * MIB, 1), seededText(32 * MIB, 2)]))
    writeFileSync(`${source}/dump-2025-11-18.sql`, seededText(3 * MIB, 3))
    for (let file = 0; file < 300; file++)
      writeFileSync(`${source}/small/${file}`, seededText(9_000, 10 + file))
    await box.init()
    first = await box.summary(['backup', 'source', '--threads', '2'])
    await box.ok(['restore', `${first.snapshot_id}:${source}`, '--target', box.path('copy', 'first')])
    edit(`${source}/image`, 72 * MIB, 300_000)
    renameSync(`${source}/dump-2025-11-18.sql`, `${source}/dump-2025-11-19.sql`)
    edit(`${source}/dump-2025-11-19.sql`, 3 * MIB, 100_000)
    for (let file = 0; file < 300; file += 3) edit(`${source}/small/${file}`, 9_000, 4_000)
    second = await box.summary(['backup', 'source', '--threads', '2'])
  }, 120_000)

  it('add what was edited', async () => {
    // 250 edits of the image, 30 of the dump, 300 of the small files: in full each would take a chunk.
    expect(second.data_added_packed).toBeLessThan(0.5 * MIB)
    const stats = JSON.parse((await box.ok(['stats', '--json'])).stdout)
    expect(stats.delta_segment_count).toBeGreaterThan(4)
    expect(stats.delta_uncompressed_size).toBeGreaterThan(8 * MIB)
    expect(stats.delta_saved_size).toBeGreaterThan(4 * MIB)
  })

  it('come back as they were in each snapshot', async () => {
    await box.ok(['restore', `${second.snapshot_id}:${source}`, '--target', box.path('copy', 'second')])
    expect(rsyncDifferences(source, box.path('copy', 'second'))).toEqual([])
    const before = readFileSync(box.path('copy', 'first', 'dump-2025-11-18.sql'))
    expect(Buffer.compare(before, seededText(3 * MIB, 3))).toBe(0)
  })

  it('are verified, and dumped', async () => {
    await box.ok(['verify', '--data'])
    const dumped = await box.run(['dump', second.snapshot_id, `${source}/dump-2025-11-19.sql`])
    expect(Buffer.compare(Buffer.from(dumped.stdout), readFileSync(`${source}/dump-2025-11-19.sql`))).toBe(0)
  })

  it('come back after the snapshot that they were edited from is gone', async () => {
    await box.ok(['forget', first.snapshot_id])
    await box.ok(['prune', '--undelete-window', '0', '--max-unused', '0%'])
    await box.ok(['restore', `${second.snapshot_id}:${source}`, '--target', box.path('copy', 'third')])
    expect(rsyncDifferences(source, box.path('copy', 'third'))).toEqual([])
    await box.ok(['verify', '--data'])
  })

  it('take no more after a prune than it said before', async () => {
    const on = ['--repo', box.path('pruned'), '--key-file', box.path('pruned.key')]
    const image = box.path('image')
    mkdirSync(image)
    writeFileSync(`${image}/disk`, seededBytes(24 * MIB, 5))
    await box.ok(['init', ...on])
    await box.ok(['backup', image, ...on])
    edit(`${image}/disk`, 24 * MIB, 200_000)
    await box.ok(['backup', image, ...on])
    // Half of these differences lie where the last ones do, so that half of those is not needed any more.
    edit(`${image}/disk`, 24 * MIB, 400_000)
    writeFileSync(`${image}/disk`, Buffer.concat([Buffer.from('more'), readFileSync(`${image}/disk`)]))
    await box.ok(['backup', image, ...on])
    await box.ok(['forget', '--keep-last', '1', ...on])
    const prune = ['prune', '--undelete-window', '0', '--max-unused', '0', ...on]
    const planned = await box.summary([...prune, '--dry-run'])
    const done = await box.summary(prune)
    expect(done.packs_repacked).toBeGreaterThan(0)
    expect(done.bytes_added).toBeLessThan(planned.bytes_added + 65_536)
    await box.ok(['verify', '--data', ...on])
    await box.ok(['restore', `latest:${image}`, '--target', box.path('copy', 'pruned'), ...on])
    expect(rsyncDifferences(image, box.path('copy', 'pruned'))).toEqual([])
  })

  it('add the chunks themselves with --no-delta', async () => {
    edit(`${source}/image`, 72 * MIB, 1_000_000)
    const third = await box.summary(['backup', 'source', '--no-delta'])
    expect(third.data_added_packed).toBeGreaterThan(0.5 * MIB)
  })
})
