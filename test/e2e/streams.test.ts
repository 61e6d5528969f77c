/** What a command says when nobody can hear it, and how it ends when it hangs. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { isRoot, type Run, Sandbox } from '../support/snap.ts'
import { seededBytes, writeTree } from '../support/tree.ts'

const box = new Sandbox()
const docs = box.path('docs')

beforeAll(async () => {
  writeTree(docs, { a: 'a', 'deep/b': 'b' })
  await box.init()
})

/** Runs with a redirection of the shell, as `>/dev/full`. */
const shell = (redirection: string, args: string[]): Promise<Run> =>
  box.run(args, { through: ['sh', '-c', `"$@" ${redirection}`, 'sh'] })

/** With nobody at the other end of one of its pipes. */
function unheard(stream: 'stdout' | 'stderr', args: string[]): Promise<Run> {
  const { child, ended } = box.start(args)
  child[stream]?.destroy()
  return ended
}

describe('a backup', () => {
  it('is no success where whoever read its output has gone', async () => {
    const run = await unheard('stdout', ['backup', docs, '--json'])
    expect(run.status, run.stderr).toBe(141)
    expect(run.stderr).toBe('')
  })

  it('is saved where nobody reads its warnings', async () => {
    writeTree(box.path('other'), { c: 'c' })
    await box.ok(['backup', docs, box.path('other')])
    const before = (await box.snapshots()).length
    rmSync(box.path('other'), { recursive: true })
    const run = await unheard('stderr', ['backup', docs, box.path('other')])
    expect(run.status).toBe(3)
    expect(await box.snapshots()).toHaveLength(before + 1)
  })
})

describe('a dump that waits for its reader', () => {
  it('says that the snapshot was pruned meanwhile, and not that something is damaged', async () => {
    const image = box.path('image')
    writeFileSync(image, seededBytes(40_000_000, 1))
    const { snapshot_id: first } = await box.summary(['backup', image, '--tag', 'first'])
    writeFileSync(image, 'small')
    await box.ok(['backup', image])
    const { child, ended } = box.start(['dump', 'latest', image, '--tag', 'first'])
    child.stdout?.pause()
    // That line says which snapshot was chosen; what follows fills the pipe.
    if (child.stderr !== null) await once(child.stderr, 'data')
    await box.ok(['forget', first])
    await box.ok(['prune', '--undelete-window', '0'])
    child.stdout?.resume()
    const { status, stderr } = await ended
    expect(stderr).toMatch(/^snap: snapshot [0-9a-f]{8} was forgotten and pruned meanwhile/m)
    expect(status).toBe(1)
  })
})

describe('a full disk behind standard output', () => {
  it.each([['snapshots'], ['ls'], ['dump', 'latest', docs]])('gets a sentence from %s', async (...args) => {
    const run = await shell('>/dev/full', args)
    expect(run.status).toBe(1)
    expect(run.stderr).toMatch(/^snap: standard output cannot be written: ENOSPC/m)
    expect(run.stderr).not.toMatch(/at .*\.js:/)
  })
})

describe('a command that waits for what never comes', () => {
  const pipe = box.path('pipe')
  beforeAll(() => void execFileSync('mkfifo', [pipe]))

  it('is ended by a signal where nobody writes its key into a pipe', async () => {
    const { child, ended } = box.start(['snapshots', '--key-file', pipe])
    await setTimeout(1000)
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ status: 130, signal: null })
  })

  it('is ended by a second signal where a thread reads what never answers', async () => {
    const { child, ended } = box.start(['config', 'check', '--config', pipe])
    let isOver = false
    const over = ended.finally(() => {
      isOver = true
    })
    await setTimeout(1000)
    child.kill('SIGINT')
    await setTimeout(200)
    expect(isOver).toBe(false)
    child.kill('SIGINT')
    await Promise.race([over, setTimeout(5000)])
    expect(isOver).toBe(true)
    expect((await over).signal).toBe('SIGINT')
  })
})

describe('a home directory that is not known', () => {
  it('is not the current directory where HOME is empty', async () => {
    const nothing = { HOME: '', SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined }
    mkdirSync(box.path('empty'))
    const run = await box.expect(10, ['snapshots'], { cwd: box.path('empty'), env: nothing })
    expect(run.stderr).toMatch(/no repository at \//)
  })

  it.runIf(isRoot)('is not needed by a user without a name who says where everything is', async () => {
    const nobody = ['setpriv', '--reuid', '54321', '--clear-groups']
    const run = await box.run(['--version'], { env: { HOME: undefined }, through: nobody })
    expect(run.status, run.stderr).toBe(0)
  })
})
