import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { jsonLines, Sandbox } from '../support/snap.ts'
import { rsyncDifferences, seededText, writeTree } from '../support/tree.ts'

const box = new Sandbox()
const docs = box.path('docs')

beforeAll(async () => {
  writeTree(docs, { 'a.txt': seededText(5000, 1), 'deep/er/b.txt': seededText(300_000, 2), 'deep/c': '' })
  await box.init()
  await box.ok(['backup', docs])
})

describe('ls', () => {
  it('lists a directory of a snapshot', async () => {
    const run = await box.ok(['ls', 'latest', docs])
    expect(run.stdout).toContain('a.txt')
    await box.expect(1, ['ls', 'latest', `${docs}/nothing`])
  })

  it('prints a line of JSON for each entry', async () => {
    const lines = jsonLines(await box.ok(['ls', 'latest', docs, '--json']))
    expect(lines.find((line) => line.name === 'a.txt')).toMatchObject({
      type: 'file',
      size: 5000,
      path: `${docs}/a.txt`,
    })
  })
})

describe('dump', () => {
  it('writes a file to stdout', async () => {
    expect((await box.ok(['dump', 'latest', `${docs}/deep/er/b.txt`])).stdout).toBe(
      `${seededText(300_000, 2)}`,
    )
  })

  it('writes a directory as a tar that GNU tar unpacks to the same', () => {
    const out = box.path('untarred')
    execFileSync('mkdir', [out])
    const program = new URL('../../bin/main.js', import.meta.url).pathname
    const shell = `set -o pipefail; '${process.execPath}' '${program}' dump latest '${docs}' | tar -x -C '${out}'`
    execFileSync('bash', ['-c', shell], { env: box.environment(), stdio: 'pipe' })
    const [found] = execFileSync('find', [out, '-name', 'a.txt', '-printf', '%h'], {
      encoding: 'utf8',
    }).split('\n')
    expect(rsyncDifferences(docs, found!).filter((line) => !line.endsWith(' ./'))).toEqual([])
  })
})

describe('an archive', () => {
  it('that lacks something ends with 3', async () => {
    const own = new Sandbox()
    execFileSync('mkdir', [own.path('source')])
    execFileSync('mkfifo', [own.path('source', 'pipe')])
    await own.init()
    await own.ok(['backup', 'source'])
    const run = await own.expect(3, ['dump', 'latest', own.path('source'), '--archive', 'zip'])
    expect(run.stderr).toMatch(/pipe: a fifo has no place in a ZIP archive\nsnap: the archive lacks 1 entry/)
    await own.ok(['dump', 'latest', own.path('source')])
  })
})

describe('what a repository can tell of itself', () => {
  it('counts with stats', async () => {
    expect((await box.ok(['stats'])).stdout).toMatch(/1 snapshot|snapshots +1/)
    expect((await box.ok(['stats', '--json'])).stdout).toMatch(/^\{/)
  })

  it('names the space that unfinished backups take, and how it is freed', async () => {
    const stray = `${box.repository}/packs/55/${'5'.repeat(32)}`
    mkdirSync(dirname(stray), { recursive: true })
    writeFileSync(stray, new Uint8Array(300_000))
    for (const dry of [['-n'], []]) {
      const { stdout } = await box.ok(['prune', ...dry])
      expect(stdout).toMatch(
        /^nothing to remove\n293\.0 KiB of unfinished backups \(1 pack\) stay .*`snap prune --stray-age 0` removes them/,
      )
    }
    expect(await box.summary(['prune'])).toMatchObject({ packs_awaited: 1, bytes_awaited: 300_000 })
    expect((await box.ok(['verify'])).stdout).toMatch(
      /^note: 1 object that nothing refers to, 293\.0 KiB: .*`snap prune` removes it/,
    )
    expect((await box.ok(['stats'])).stdout).toMatch(/of unfinished backups +293\.0 KiB/)
    expect((await box.ok(['prune', '--stray-age', '0'])).stdout).toMatch(
      /^1 pack that an unfinished backup left removed\n/,
    )
  })

  it('rebuilds its manifest from nothing but itself and a key', async () => {
    execFileSync('bash', ['-c', `find '${box.cache}' -name 'manifest.db*' -delete`])
    expect(jsonLines(await box.ok(['manifest', 'rebuild', '--json'])).at(-1)).toEqual({
      message_type: 'rebuilt',
      snapshots: 1,
      log_entries: expect.any(Number),
      indexes: 1,
      packs: 2,
      trees: expect.any(Number),
      entries: expect.any(Number),
      trees_left_out: 0,
      index_problems: 0,
      total_duration: expect.any(Number),
    })
    expect(await box.summary(['backup', docs])).toMatchObject({ bytes_read: 0, data_blobs: 0 })
    const manifest = execFileSync('find', [box.cache, '-name', 'manifest.db'], { encoding: 'utf8' }).trim()
    writeFileSync(manifest, 'garbage that is no database')
    await box.ok(['manifest', 'rebuild'])
    expect((await box.summary(['verify', '--data'])).damaged_objects).toBe(0)
  })
})

describe('keys', () => {
  it('can be added, used and removed; the last one stays', async () => {
    const ids = async (): Promise<string[]> =>
      (await box.ok(['key', 'list'])).stdout.match(/\b[0-9a-f]{8,32}\b/g) ?? []
    const [first] = await ids()
    const second = box.path('second.key')
    await box.expect(1, ['key', 'remove', first!, '--even-in-use'])
    await box.ok(['key', 'add', '--new-key-file', second])
    await box.ok(['snapshots', '--key-file', second])
    const both = await ids()
    expect(new Set(both).size).toBe(2)
    await box.expect(1, ['key', 'remove', first!])
    await box.ok(['key', 'remove', both.find((id) => id !== first)!])
    await box.expect(12, ['snapshots', '--key-file', second])
    expect(await ids()).toEqual([first])
  })
})
