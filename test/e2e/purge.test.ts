import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Json, jsonLines, Sandbox } from '../support/snap.ts'
import { seededBytes, seededText, writeTree } from '../support/tree.ts'

const box = new Sandbox()
const docs = box.path('docs')
const secret = join(docs, 'private', 'unmentionable.txt')
const TERMINAL = new URL('../support/terminal.py', import.meta.url).pathname

beforeAll(async () => {
  writeTree(docs, {
    'keep.bin': seededBytes(200_000, 1),
    'private/unmentionable.txt': seededText(300_000, 2),
    'private/other.txt': seededText(20_000, 3),
  })
  await box.init()
  await box.ok(['backup', docs])
  writeTree(docs, { 'private/unmentionable.txt': seededText(200_000, 4) })
  await box.ok(['backup', docs, '--tag', 'second'])
  await box.ok(['hold', 'latest'])
})

/** The local database with what lies beside it. */
function manifests(): Buffer {
  const [id = ''] = readdirSync(box.cache)
  const directory = join(box.cache, id)
  return Buffer.concat(readdirSync(directory).map((name) => readFileSync(join(directory, name))))
}

describe('purge', () => {
  it('says what would go, and changes nothing', async () => {
    const lines = jsonLines(await box.ok(['purge', secret, '--dry-run', '--json'])).filter(
      ({ message_type }) => message_type !== 'status',
    )
    expect(lines).toMatchObject([
      { message_type: 'path', path: secret, type: 'file' },
      { message_type: 'snapshot', files: 1, directories: 0, total_size: 300_000, held: false },
      { message_type: 'snapshot', files: 1, total_size: 200_000, held: true },
      { message_type: 'summary', dry_run: true, snapshots: 2, paths: 1, chunks_shared: 0 },
    ])
    expect(lines.at(-1).chunks_unique).toBeGreaterThan(20)
    const { stdout } = await box.ok(['purge', secret, '-n'])
    expect(stdout).toContain('2 snapshots to be replaced\n')
    expect(stdout).toMatch(/chunks \(.* stored\) would go; others need too, and stay: 0/)
    expect(await box.snapshots()).toHaveLength(2)
  })

  it('asks, and needs --yes where there is nobody to ask', async () => {
    const refused = await box.expect(2, ['purge', secret])
    expect(refused.stderr).toContain('hint: Look at --dry-run, then say --yes.')
    const command = [process.execPath, new URL('../../bin/main.js', import.meta.url).pathname]
    const answer = (text: string): string => {
      const script = JSON.stringify([['(yes/no)', `${text}\n`]])
      const env = { ...box.environment(), TERM: 'dumb' }
      try {
        const args = [TERMINAL, script, ...command, 'purge', secret]
        return execFileSync('python3', args, { env, encoding: 'utf8' })
      } catch (error) {
        return (error as { stdout: string }).stdout
      }
    }
    const no = answer('no')
    expect(no).toContain('Take this out of the repository for good? (yes/no)')
    expect(no).toContain('nothing was changed')
    expect(await box.snapshots()).toHaveLength(2)
    await box.expect(2, ['purge', '/', '--yes'])
    const unknown = await box.expect(1, ['purge', '/nowhere', '--yes'])
    expect(unknown.stderr).toContain('no snapshot has anything at /nowhere')
    const filtered = await box.expect(1, ['purge', secret, '--host', 'nobody', '--yes'])
    expect(filtered.stderr).toContain('no snapshot matches')
    const yes = answer('yes')
    expect(yes).toContain('unique to what was purged: none left')
  })

  it('leaves the snapshots as they were but for the path, and nothing of it anywhere', async () => {
    const [first, second] = await box.snapshots()
    expect([first.tags, second.tags, first.held, second.held]).toEqual([[], ['second'], false, true])
    for (const { id } of [first, second]) {
      const { stdout } = await box.ok(['ls', id, '-R'])
      expect(stdout).not.toContain('unmentionable')
    }
    expect(manifests().includes('unmentionable')).toBe(false)
    const target = box.path('restored')
    await box.ok(['restore', second.id, '--target', target])
    expect(readFileSync(join(target, docs, 'keep.bin')).equals(seededBytes(200_000, 1))).toBe(true)
    expect(readdirSync(join(target, docs, 'private'))).toEqual(['other.txt'])
    await box.ok(['verify', '--data'])
    const again = await box.expect(1, ['purge', secret, '--yes'])
    expect(again.stderr).toContain('no snapshot has anything at')
  })

  it('takes what a path names as it is written, and never what that would match, also when run again', async () => {
    const own = box.path('odd')
    writeTree(own, { 'key [1].txt': 'meant', 'key 1.txt': 'wanted', 'a?b': 'meant', a1b: 'wanted' })
    await box.ok(['backup', own])
    const meant = [join(own, 'key [1].txt'), join(own, 'a?b')]
    const plan = await box.ok(['purge', ...meant, '--dry-run'])
    expect(plan.stdout).toContain(`2 paths to go, with all below:\n  ${join(own, 'a?b')}\n  ${meant[0]}\n`)
    await box.ok(['purge', ...meant, '--yes'])
    const again = await box.expect(1, ['purge', ...meant, '--yes'])
    expect(again.stderr).toContain(
      'hint: Nothing was changed. Paths are taken as they are written; with --glob',
    )
    const { stdout } = await box.ok(['ls', 'latest', own])
    expect(stdout).toBe(`${join(own, 'a1b')}\n${join(own, 'key 1.txt')}\n`)
    await box.ok(['forget', 'latest', '--even-last'])
  })

  it('names the directories and files that go: some, and with -v all', async () => {
    const many = box.path('many')
    writeTree(many, Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`${100 + at}/file`, 'x'])))
    await box.ok(['backup', many])
    const args = ['purge', '--glob', join(many, '1*'), '--dry-run']
    const some = (await box.ok(args)).stdout
    expect(some).toContain(`30 paths to go, with all below:\n  ${many}/100/\n`)
    expect(some).toContain(`  ${many}/119/\n  and 10 more, which -v names\n`)
    expect((await box.ok([...args, '-v'])).stdout).toContain(`  ${many}/129/\nsnapshot `)
    await box.ok(['forget', 'latest', '--even-last'])
  })

  it('does it by globs and filters, for programs', async () => {
    rmSync(secret)
    await box.ok(['backup', docs, '--host', 'other'])
    const lines = jsonLines(
      await box.ok(['purge', '--glob', '**/other.txt', '--host', 'other', '--yes', '--json']),
    )
    const { original, id } = lines.find(({ message_type }: Json) => message_type === 'purged')
    expect(original).not.toBe(id)
    const summary = lines.at(-1)
    expect(summary).toMatchObject({
      message_type: 'summary',
      snapshots: 1,
      chunks_left: 0,
      manifest_clean: true,
    })
    expect(summary.chunks_shared).toBeGreaterThan(0)
    expect(await box.snapshots()).toHaveLength(3)
    await box.ok(['verify', '--data'])
  })
})
