import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Json, jsonLines, Sandbox } from '../support/snap.ts'
import { seededBytes, writeTree } from '../support/tree.ts'

const box = new Sandbox()
const docs = box.path('docs')
const day = (number: number): string => `2025-06-0${number}T12:00:00Z`

beforeAll(async () => {
  writeTree(docs, { 'shared.bin': seededBytes(200_000, 1), 'deep/changing.bin': seededBytes(100_000, 2) })
  await box.init()
  await box.ok(['backup', docs, '--time', day(1)])
  writeTree(docs, { 'deep/changing.bin': seededBytes(100_000, 3) })
  await box.ok(['backup', docs, '--time', day(3)])
  await box.ok(['backup', join(docs, 'deep'), '--time', day(3)])
})

const du = async (...args: string[]): Promise<Json[]> => jsonLines(await box.ok(['du', ...args, '--json']))

describe('du', () => {
  it('lists what each snapshot alone takes', async () => {
    const lines = await du()
    expect(lines.map(({ message_type }) => message_type)).toEqual([
      'snapshot',
      'snapshot',
      'snapshot',
      'summary',
    ])
    const [first, second, third, summary] = lines
    expect(first).toMatchObject({ total_size: 300_000, bytes_needed: null, paths: [docs] })
    expect(first.bytes_alone).toBeGreaterThan(100_000)
    expect(Math.max(second.bytes_alone, third.bytes_alone)).toBeLessThan(10_000)
    expect(summary.bytes_needed + summary.bytes_unused).toBe(summary.bytes_stored)
    const { stdout } = await box.ok(['du'])
    expect(stdout).toMatch(/^id +time +host +size +alone\n/)
    expect(stdout).toContain('needed by forgotten ones alone')
  })

  it('says of named ones what they need at all', async () => {
    const [{ id }] = await box.snapshots()
    const [one] = await du(id)
    expect(one.bytes_needed).toBeGreaterThan(300_000)
    expect((await box.ok(['du', id])).stdout).toContain('with what it shares')
    for (const series of [[], ['--series']]) {
      const none = await box.ok(['du', '--host', 'nobody', ...series])
      expect(none.stderr).toBe('no snapshot passes the filters\n')
    }
  })

  it('lists series, and directories of one snapshot', async () => {
    const series = (await du('--series')).filter(({ message_type }) => message_type === 'series')
    expect(series.map(({ paths, snapshots_count }) => [paths, snapshots_count])).toEqual([
      [[docs], 2],
      [[join(docs, 'deep')], 1],
    ])
    expect(series[0].bytes_alone).toBeGreaterThan(300_000)
    const [first] = await box.snapshots()
    const directories = await du(first.id, docs)
    expect(directories.map(({ path }) => path)).toEqual([docs, join(docs, 'deep'), undefined])
    expect(directories[1]).toMatchObject({ total_size: 100_000, total_files: 1, snapshot: first.id })
    expect(directories[1].bytes_alone).toBeGreaterThan(100_000)
    expect((await box.ok(['du', docs, '--depth', '0'])).stdout).toContain(`  ${docs}\n`)
  })

  it('refuses what it cannot understand', async () => {
    for (const args of [
      ['--series', 'latest'],
      ['/a', '/b'],
      ['latest', 'latest', '/a'],
      ['/a', '-d', 'x'],
    ])
      await box.expect(2, ['du', ...args])
    await box.expect(1, ['du', join(docs, 'shared.bin')])
  })
})

describe('stats', () => {
  it('says what each series added, and how fast', async () => {
    const stats = JSON.parse((await box.ok(['stats', '--json'])).stdout)
    expect(stats.series_count).toBe(2)
    const [one] = stats.series.filter(({ paths }: Json) => paths[0] === docs)
    expect(one).toMatchObject({ snapshots_count: 2, total_restore_size: 600_000 })
    expect(one.data_added).toBeGreaterThan(400_000)
    expect(one.data_added_packed_per_day).toBeGreaterThan(50_000)
    expect((await box.ok(['stats'])).stdout).toMatch(/\nseries +snapshots +as copies +added +stored +a day\n/)
  })
})
