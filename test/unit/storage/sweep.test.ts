import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it, onTestFinished } from 'vitest'
import { openLocalDirectory } from '../../../src/storage/local-directory.ts'
import { nodeStorageFs } from '../../../src/storage/node-storage-fs.ts'
import { systemProcesses } from '../../../src/storage/processes.ts'
import type { FsStat, StorageFs } from '../../../src/storage/storage-fs.ts'
import { text } from '../../contract/storage.ts'
import { bundled } from '../../support/storage/bundle.ts'
import { systemError } from '../../support/storage/disk-model.ts'
import { scratchDirectory } from '../../support/storage/scratch.ts'

const DAY_SECONDS = 86_400
const RANDOM = '0f'.repeat(16)
const OWN = systemProcesses().own ?? ''
const OTHER_HOST = OWN.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
/** Above the highest number that Linux gives (2^22). */
const NO_PID = 4_194_305

const temporary = (path: string): string[] => readdirSync(join(path, 'tmp')).sort()

/** A repository directory with a file in `tmp/` under each name, last written so many days ago. */
function left(files: Readonly<Record<string, number>>): string {
  const path = scratchDirectory()
  mkdirSync(join(path, 'tmp'))
  for (const [name, days] of Object.entries(files)) {
    writeFileSync(join(path, 'tmp', name), 'x')
    const seconds = Date.now() / 1_000 - days * DAY_SECONDS
    utimesSync(join(path, 'tmp', name), seconds, seconds)
  }
  return path
}

function started(command: string, args: readonly string[]): { child: ChildProcess; line: Promise<string> } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return { child, line: lines.next().then(({ value }) => value ?? '') }
}

it('removes nothing of a process at work, and all of it as soon as that was killed', async () => {
  const path = scratchDirectory()
  const { child, line } = started(process.execPath, [await bundled('stop-in-process.ts'), path])
  expect(await line).toBe('written')
  const [name = ''] = temporary(path)
  // Not even if it has stood still for years.
  utimesSync(join(path, 'tmp', name), 0, 0)
  const storage = openLocalDirectory(path)
  expect(await storage.sweep()).toBe(0)
  expect(temporary(path)).toEqual([name])
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await storage.sweep()).toBe(1)
  expect(temporary(path)).toEqual([])
})

it.each([[['--mount-proc']], [[]]])(
  'removes nothing of a process in a container, which has another number there (%s)',
  async (proc) => {
    const path = scratchDirectory()
    const program = [process.execPath, await bundled('stop-in-process.ts'), path]
    const container = ['--pid', '--fork', '--kill-child', ...proc, ...program]
    expect(await started('unshare', container).line).toBe('written')
    const names = temporary(path)
    expect(names).toHaveLength(1)
    expect(await openLocalDirectory(path).sweep()).toBe(0)
    expect(temporary(path)).toEqual(names)
  },
)

it('tells an ended process from a later one with its number', async () => {
  const [host, pid, start] = OWN.split('-')
  const earlier = `${host}-${pid}-${Number(start) - 1}-${RANDOM}`
  const path = left({ [`${OWN}-${RANDOM}`]: 1_000, [earlier]: 0 })
  expect(await openLocalDirectory(path).sweep()).toBe(1)
  expect(temporary(path)).toEqual([`${OWN}-${RANDOM}`])
})

it('takes a process that nobody has waited for yet for ended', async () => {
  const { child, line } = started('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'])
  const pid = await line
  const statOf = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')
  const mark = `${OWN.split('-')[0]}-${pid}-${statOf()[21]}`
  expect(systemProcesses().stateOf(mark)).toBe('running')
  while (statOf()[2] !== 'Z') await new Promise((resolve) => setTimeout(resolve, 20))
  expect(systemProcesses().stateOf(mark)).toBe('ended')
  child.kill('SIGKILL')
})

it('waits seven days where the process cannot be seen from here', async () => {
  const marks = [OTHER_HOST, OTHER_HOST.replace(/-\d+-/, `-${NO_PID}-`), undefined, 'some-other-mark']
  const nameOf = (mark: string | undefined, n: number) =>
    `${mark === undefined ? '' : `${mark}-`}${String(n).repeat(32)}`
  const young = Object.fromEntries(marks.map((mark, n) => [nameOf(mark, n), 6.9]))
  const old = Object.fromEntries(marks.map((mark, n) => [nameOf(mark, n + 4), 7.1]))
  const path = left({ ...young, ...old, [`${OTHER_HOST}-${RANDOM}`]: -400 })
  expect(await openLocalDirectory(path).sweep()).toBe(4)
  expect(temporary(path)).toEqual([...Object.keys(young), `${OTHER_HOST}-${RANDOM}`].sort())
})

it('measures age by the clock that stamps the files, however far that is from ours', async () => {
  for (const years of [-30, 30]) {
    const shifted = (stat: FsStat) => ({
      ...stat,
      modifiedAt: stat.modifiedAt + years * 365 * DAY_SECONDS * 1_000,
    })
    const fs: StorageFs = {
      ...nodeStorageFs,
      stat: async (path) => shifted(await nodeStorageFs.stat(path)),
      fstat: async (fd) => shifted(await nodeStorageFs.fstat(fd)),
    }
    const path = left({ ['a'.repeat(32)]: 6.9, ['b'.repeat(32)]: 7.1 })
    expect(await openLocalDirectory(path, { fs }).sweep()).toBe(1)
    expect(temporary(path)).toEqual(['a'.repeat(32)])
  }
})

it('leaves what has a name of another kind, and directories', async () => {
  const strangers = ['.nfs000000', 'README', `${RANDOM}.txt`]
  const path = left(Object.fromEntries(strangers.map((name) => [name, 1_000])))
  mkdirSync(join(path, 'tmp', RANDOM))
  expect(await openLocalDirectory(path).sweep()).toBe(0)
  expect(temporary(path)).toEqual([...strangers, RANDOM].sort())
})

it('leaves what it may not remove, and all that is old where no file can be made', async () => {
  const ended = `${OWN.replace(/-\d+-/, `-${NO_PID}-`)}-${RANDOM}`
  const path = left({ [ended]: 0, ['a'.repeat(32)]: 8 })
  const refuse = (errno: string) => (at: string) => Promise.reject(systemError(errno, 'a call', at))
  const bound = openLocalDirectory(path, { fs: { ...nodeStorageFs, unlink: refuse('EACCES') } })
  expect(await bound.sweep()).toBe(0)
  const full = openLocalDirectory(path, { fs: { ...nodeStorageFs, createFile: refuse('ENOSPC') } })
  expect(await full.sweep()).toBe(1)
  expect(temporary(path).filter((name) => !name.startsWith(OWN))).toEqual(['a'.repeat(32)])
})

it('has nothing to do where nothing was ever written, and fails where the directory cannot be read', async () => {
  const path = scratchDirectory()
  expect(await openLocalDirectory(path).sweep()).toBe(0)
  expect(readdirSync(path)).toEqual([])
  const readdir = (at: string) => Promise.reject(systemError('EIO', 'scandir', at))
  const broken = openLocalDirectory(path, { fs: { ...nodeStorageFs, readdir } })
  await expect(broken.sweep()).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
})

it('gives its files names that tell the process and not the machine, and nothing where that is not certain', async () => {
  const path = scratchDirectory()
  const names: string[] = []
  const rename: StorageFs['rename'] = async (from, to) => {
    names.push(...temporary(path))
    await nodeStorageFs.rename(from, to)
  }
  const fs = { ...nodeStorageFs, rename }
  await openLocalDirectory(path, { fs }).put('config', [text('x')])
  const processes = systemProcesses(scratchDirectory())
  await openLocalDirectory(path, { fs, processes }).put('config', [text('x')])
  expect(names).toEqual([
    expect.stringMatching(/^[0-9a-f]{16}-\d+-\d+-[0-9a-f]{32}$/),
    expect.stringMatching(/^[0-9a-f]{32}$/),
  ])
  expect(names[0]).toContain(`-${process.pid}-`)
  expect(names[0]).not.toContain(hostname())
})

it('knows no process where the system does not show them, and those of another machine not at all', () => {
  const blind = systemProcesses(scratchDirectory())
  expect(blind.own).toBeUndefined()
  for (const mark of [OWN, '', 'x']) expect(blind.stateOf(mark)).toBe('unknown')
  const { stateOf } = systemProcesses()
  expect(stateOf(OWN)).toBe('running')
  expect(stateOf(OWN.replace(/-\d+-/, `-${NO_PID}-`))).toBe('ended')
  for (const mark of [OTHER_HOST, `${OWN}0`.slice(1), `${OWN}-`, OWN.replace(/-\d+-/, '-0-')])
    expect(stateOf(mark), mark).toBe('unknown')
})
