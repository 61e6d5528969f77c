import { execFileSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { Sandbox } from '../support/snap.ts'
import { listing, rsyncDifferences, statNs } from '../support/tree.ts'
import { BIG_FILE_BYTES, makeZoo } from '../support/zoo.ts'

describe('a directory with every kind of entry', () => {
  const box = new Sandbox()
  const zoo = box.path('zoo')
  const restored = box.path('restored')
  let saved: { total_bytes_processed: number; data_added_packed: number; bytes_read: number }
  let report: { not_kept: string[]; target: string }

  beforeAll(async () => {
    await makeZoo(zoo)
    await box.init()
    saved = await box.summary(['backup', 'zoo'])
    report = await box.summary(['restore', `latest:${zoo}`, '--target', restored])
  }, 120_000)

  it('comes back the same for rsync, but for the sockets', () => {
    const differences = rsyncDifferences(zoo, restored)
    const sockets = differences.filter((line) => /^cS\S* run\/daemon\.sock(\.kept)?$/.test(line))
    const rest = differences.filter((line) => !sockets.includes(line))
    expect(rest).toEqual([])
    expect(report.not_kept.join()).toMatch(/socket/)
  })

  it('comes back the same to the nanosecond, with every owner, mode, device number and link', () => {
    const isSocket = (line: string): boolean => line.startsWith('/run/daemon.sock')
    expect(listing(restored)).toEqual(listing(zoo).filter((line) => !isSocket(line)))
  })

  it('keeps holes', () => {
    const names = [
      'hole at the start',
      'hole in the middle',
      'hole at the end',
      'holes everywhere',
      'only a hole',
      'larger than a piece',
    ]
    for (const name of names) {
      const before = Number(statNs(`${zoo}/sparse/${name}`).blocks) * 512
      const after = Number(statNs(`${restored}/sparse/${name}`).blocks) * 512
      expect(Math.abs(after - before), name).toBeLessThanOrEqual(65_536)
    }
  })

  it('reads no holes and stores no zeros', () => {
    expect(saved.total_bytes_processed).toBeGreaterThan(BIG_FILE_BYTES + 400_000_000)
    expect(saved.data_added_packed).toBeLessThan(BIG_FILE_BYTES + 12_000_000)
  })

  it('keeps access lists, capabilities and attributes', () => {
    const attributes = (root: string): string =>
      execFileSync('getfattr', ['-R', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
        cwd: root,
        encoding: 'utf8',
      })
    expect(attributes(restored)).toBe(attributes(zoo))
    expect(attributes(zoo)).toMatch(/system\.posix_acl_default/)
  })

  it('is found whole by verify, and a second backup reads nothing', async () => {
    const verified = await box.summary(['verify', '--data'])
    expect(verified.damaged_objects).toBe(0)
    const again = await box.summary(['backup', 'zoo'])
    expect(again).toMatchObject({ files_new: 0, files_changed: 0, bytes_read: 0, data_blobs: 0, dirs_new: 0 })
    // The directories that lead to the zoo have changed: something was restored beside it.
    expect(again.dirs_changed).toBeLessThan(zoo.split('/').length)
  })

  it('looks unchanged to a backup of the copy only in content', async () => {
    const copy = await box.summary(['backup', 'restored'])
    expect(copy.data_blobs).toBe(0)
  })
})
