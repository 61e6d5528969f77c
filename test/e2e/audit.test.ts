import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { isRoot, type Json, jsonLines, type Run, Sandbox, summaryOf } from '../support/snap.ts'
import { filesBelow, seededBytes, writeTree } from '../support/tree.ts'

describe('snap audit', () => {
  const box = new Sandbox()
  const docs = box.path('docs')
  const entriesOf = (run: Run): Json[] => jsonLines(run).filter((line) => line.message_type === 'entry')
  const notesOf = async (): Promise<Json[]> =>
    entriesOf(await box.ok(['audit', '--json'])).flatMap(({ kind, note }) => (kind === 'note' ? [note] : []))

  beforeAll(async () => {
    writeTree(docs, { 'a.bin': seededBytes(200_000, 1), 'b.txt': seededBytes(1_000, 2) })
    await box.init()
    await box.ok(['backup', docs, '--host', 'web1', '--label', 'full'])
    await box.ok(['restore', 'latest', '--target', box.path('back')])
    await box.ok(['verify', '--data'])
  })

  it('says who did what, restores and verifications among it', async () => {
    const { stdout } = await box.ok(['audit'])
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(5)
    expect(lines[0]).toMatch(
      /^ {5}0 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}unnamed key \(admin, [0-9a-f]{8}\) {2}set key/,
    )
    expect(lines[1]).toMatch(
      /first admin \(admin, [0-9a-f]{8}\) {2}saved snapshot [0-9a-f]{8} of .*docs \(host web1, full\)/,
    )
    expect(lines[1]).toMatch(/: 2 files, 196\.3 KiB, ok$/)
    expect(lines[2]).toMatch(
      /restore of snapshot [0-9a-f]{8} to .*back on .* by .*: 2 files restored, .*, ok$/,
    )
    expect(lines[3]).toMatch(/verify on .* by .*: 1 snapshot, 2 packs, .*, ok$/)
    expect(lines[4]).toBe('4 entries, chain and signatures whole')
    const restored = entriesOf(await box.ok(['audit', '--json', '--limit', '2']))[0]!.note
    expect(restored).toMatchObject({ operation: 'restore', result: 'ok', target: box.path('back') })
    expect(restored.program).toMatch(/^snap \d/)
    expect((await box.summary(['audit', '--since', '@99999999999'])).shown).toBe(0)
    await box.expect(2, ['audit', '--limit', 'x'])
  })

  it('notes what becomes of passwords and key files, by the slots that `key list` names', async () => {
    const file = box.path('second.key')
    const { id } = JSON.parse((await box.ok(['key', 'add', '--new-key-file', file, '--json'])).stdout)
    await box.ok(['key', 'remove', id])
    expect((await box.run(['key', 'remove', id])).status).not.toBe(0)
    expect((await notesOf()).slice(-3)).toMatchObject([
      { operation: 'key add', result: 'ok', slot_added: id },
      { operation: 'key remove', result: 'ok', slot_removed: id },
      { operation: 'key remove', result: 'failed' },
    ])
    const { stdout } = await box.ok(['audit', '--limit', '3'])
    expect(stdout).toContain(`key add, ${id.slice(0, 8)} added on `)
    expect(stdout).toContain(`key remove, ${id.slice(0, 8)} removed on `)
  })

  it('notes a restore that fails, and none that was a dry run', async () => {
    const before = (await notesOf()).length
    await box.ok(['restore', 'latest', '--target', box.path('back'), '--dry-run'])
    expect(await notesOf()).toHaveLength(before)
    await box.expect(1, ['restore', 'latest', '/no/such', '--target', box.path('back')])
    expect((await notesOf()).at(-1)).toMatchObject({
      operation: 'restore',
      result: 'failed',
      error: 'PATH_UNKNOWN',
    })
  })

  it.runIf(isRoot)('a repository that cannot be written is restored and verified all the same', async () => {
    const copy = box.path('copy')
    execFileSync('cp', ['-a', box.repository, copy])
    execFileSync('mount', ['--bind', copy, copy])
    try {
      execFileSync('mount', ['-o', 'remount,ro,bind', copy])
      const env = { SNAP_REPOSITORY: copy, SNAP_CACHE_DIR: box.path('cache of the copy') }
      const verified = await box.ok(['verify'], { env })
      expect(verified.stderr).toMatch(/warning: not noted in the audit trail: /)
      const restored = await box.ok(['restore', 'latest', '--target', box.path('from copy'), '--json'], {
        env,
      })
      expect(summaryOf(restored).files_restored).toBe(2)
      expect(JSON.parse(restored.stderr.trim()).error.message).toMatch(/^not noted in the audit trail: /)
    } finally {
      execFileSync('umount', [copy])
    }
  })

  it('names an entry that was damaged, and ends with status 4', async () => {
    const copy = box.path('damaged')
    execFileSync('cp', ['-a', box.repository, copy])
    const path = filesBelow(`${copy}/log`)[1]!
    const bytes = readFileSync(path)
    bytes[300]! ^= 1
    writeFileSync(path, bytes)
    for (const cache of [box.cache, box.path('no cache')]) {
      const run = await box.expect(4, ['audit'], { env: { SNAP_REPOSITORY: copy, SNAP_CACHE_DIR: cache } })
      expect(run.stdout).toMatch(/^ {5}1 {2}!! does not count: unopened/m)
      expect(run.stdout).toMatch(/^broken: log entry 1: does not count: unopened/m)
      expect(run.stderr).toMatch(/the log is broken: 2 findings/)
    }
  })

  it('an older copy put in the place of the repository is told by every command', async () => {
    const copy = box.path('older')
    execFileSync('cp', ['-a', box.repository, copy])
    const log = filesBelow(`${copy}/log`)
    for (const path of log.slice(-2)) rmSync(path)
    const env = { SNAP_REPOSITORY: copy, SNAP_CACHE_DIR: box.path('cache that has seen more') }
    execFileSync('cp', ['-a', box.cache, env.SNAP_CACHE_DIR])
    for (const args of [['audit'], ['verify'], ['repair'], ['snapshots'], ['backup', docs], ['restore']]) {
      const run = await box.expect(4, args, { env })
      expect(run.stderr).toContain(
        `log entry ${log.length - 1}, which this machine has seen, is no longer there: the log ends with entry ${log.length - 3}`,
      )
    }
    await box.ok(['manifest', 'rebuild', '--accept-rollback'], { env })
    await box.ok(['backup', docs], { env })
    await box.ok(['audit'], { env })
  })
})
