/**
 * T1 on the built command: real processes under a library that counts the system calls which change repository or cache, and
 * ends the process at one of them, as SIGKILL would. It needs a C compiler: where there is none, this says that it was not tried.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Figures, FULL, sized } from '../support/figures.ts'
import { fastScratch, Sandbox } from '../support/snap.ts'
import { rsyncDifferences, seededBytes, seededText, writeTree } from '../support/tree.ts'

const figures = new Figures('T1', import.meta.url)

const KILLS_EACH = sized(1, 12)
/** Of the quick run: starting processes is what takes long. */
const QUICK: readonly string[] = ['a backup after others', 'prune']
const SHIM_SOURCE = join(import.meta.dirname, '..', 'support', 'crash', 'kill-shim.c')

const box = new Sandbox(fastScratch(512 * 1_048_576))
const shim = box.path('kill-shim.so')
const source = box.path('source')
/** Repository and cache: what is killed at, and put back before each kill. */
const state = box.path('state')
const env = { SNAP_REPOSITORY: join(state, 'repository'), SNAP_CACHE_DIR: join(state, 'cache') }

type Step = {
  readonly name: string
  readonly args: () => readonly string[]
  readonly prepare?: () => Promise<void>
}

async function firstId(): Promise<string> {
  const [first] = await box.snapshots([], { env })
  return first.id
}
let id = ''

/** Each begins where the one before has ended. */
const STEPS: readonly Step[] = [
  { name: 'the first backup', args: () => ['backup', source] },
  {
    name: 'a backup after others',
    args: () => ['backup', source],
    prepare: async () => {
      writeTree(source, { 'text 1': seededText(90_000, 7), more: seededBytes(200_000, 8) })
      rmSync(join(source, 'deep', 'random'))
    },
  },
  {
    name: 'forget',
    args: () => ['forget', id],
    prepare: async () => {
      id = await firstId()
    },
  },
  { name: 'prune', args: () => ['prune', '--undelete-window', '0', '--stray-age', '0'] },
  { name: 'key add', args: () => ['key', 'add', '--new-key-file', box.path(`key ${Math.random()}`)] },
]

function compiled(): boolean {
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, SHIM_SOURCE, '-ldl'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

type Shimmed = { readonly status: number | null; readonly calls: number | undefined }

async function shimmed(args: readonly string[], at: number, when: 'before' | 'after'): Promise<Shimmed> {
  const count = box.path('count')
  rmSync(count, { force: true })
  const run = await box.run(args, {
    env: {
      ...env,
      LD_PRELOAD: shim,
      UV_USE_IO_URING: '0',
      KILL_AT: String(at),
      KILL_WHEN: when,
      KILL_BELOW: state,
      KILL_COUNT: count,
    },
  })
  return { status: run.status, calls: existsSync(count) ? Number(readFileSync(count, 'utf8')) : undefined }
}

function remember(): void {
  rmSync(box.path('before'), { recursive: true, force: true })
  cpSync(state, box.path('before'), { recursive: true, preserveTimestamps: true })
}

function putBack(): void {
  rmSync(state, { recursive: true, force: true })
  cpSync(box.path('before'), state, { recursive: true, preserveTimestamps: true })
}

/** What is wrong when whoever comes next goes on. */
async function problems(args: readonly string[], held: readonly string[]): Promise<string[]> {
  const found: string[] = []
  const expectOk = async (command: readonly string[]): Promise<void> => {
    const { status, stderr } = await box.run(command, { env })
    if (status !== 0) found.push(`snap ${command.join(' ')} ended with ${status}: ${stderr.slice(0, 300)}`)
  }
  await expectOk(['verify', '--data'])
  await expectOk(args)
  await expectOk(['backup', source])
  const there = new Set((await box.snapshots([], { env })).map((snapshot) => snapshot.id))
  for (const snapshot of held) if (!there.has(snapshot)) found.push(`snapshot ${snapshot} is lost`)
  const target = box.path('restored')
  rmSync(target, { recursive: true, force: true })
  await expectOk(['restore', `latest:${source}`, '--path', source, '--target', target])
  if (found.length === 0) found.push(...rsyncDifferences(source, target))
  return found
}

describe('a real process that is killed at a system call', () => {
  let canTry = false

  beforeAll(async () => {
    canTry = compiled()
    if (!canTry)
      figures.measure({
        name: 'real processes were not killed, for there is no C compiler',
        value: 1,
        unit: '',
      })
    writeTree(source, {
      'text 1': seededText(60_000, 1),
      'deep/random': seededBytes(300_000, 2),
      'deep/text': seededText(40_000, 3),
    })
    await box.ok(['init', '--key-file', box.keyFile], { env: { ...env, SNAP_KEY_FILE: undefined } })
  }, 120_000)

  it.each(STEPS)(
    'in $name loses nothing, and the next ones just work',
    async ({ name, args, prepare }) => {
      if (!canTry) return
      await prepare?.()
      if (!FULL && !QUICK.includes(name)) return void (await box.ok(args(), { env }))
      remember()
      const held = (await box.snapshots([], { env }))
        .map((snapshot) => snapshot.id)
        .filter((snapshot) => snapshot !== id)
      const whole = await shimmed(args(), 0, 'before')
      expect(whole.status).toBe(0)
      const calls = whole.calls ?? 0
      expect(calls).toBeGreaterThan(3)
      const wrong: string[] = []
      let killed = 0
      for (let n = 0; n < KILLS_EACH; n++) {
        figures.progress(`real kills of ${name}`, n, KILLS_EACH)
        putBack()
        const at = 1 + Math.floor(((n + 0.5) * calls) / KILLS_EACH)
        const { status } = await shimmed(args(), at, n % 2 === 0 ? 'before' : 'after')
        // Threads take turns: the last calls of a run may be fewer.
        if (status !== 137) continue
        killed += 1
        const found = await problems(args(), held)
        if (found.length > 0) wrong.push(`call ${at} of ${calls}: ${found.join('; ')}`)
      }
      putBack()
      await box.ok(args(), { env })
      figures.record({
        tried: `kills of real processes in ${name}, over its ${calls} system calls that change repository or cache`,
        count: killed,
        wrongly: 'that lost something, or that the next command could not go on from',
        wrong: wrong.length,
        target: { count: Math.floor(KILLS_EACH * 0.8), wrong: 0 },
      })
      expect(wrong).toEqual([])
    },
    sized(120_000, 7_200_000),
  )
})
