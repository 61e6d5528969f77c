import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { State } from '../../../../src/jobs/state/state.ts'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const CONFIG = 'host:/etc/snap.yaml'
const clock = { now: () => Date.now() }
const scratch = mkdtempSync(join(tmpdir(), 'snapkeep-state-'))
const children = new Set<ChildProcess>()

/** A child process cannot load TypeScript: it gets the same sources, built. Each waits for a line before it begins. */
const CHILD = `
import { once } from 'node:events'
import { State } from './state.mjs'
const [directory, task, name] = process.argv.slice(2)
const clock = { now: () => Date.now() }
const say = (text) => process.stdout.write(text + '\\n')
process.stdin.setEncoding('utf8')
say('ready')
await once(process.stdin, 'data')
if (task === 'lock') {
  const state = State.open(directory, clock)
  const lock = state.lock('${CONFIG}', 'nightly')
  say(lock === undefined ? 'refused' : 'locked')
  await once(process.stdin, 'end')
}
if (task === 'look') {
  const state = State.open(directory, clock)
  let held = 0
  for (let round = 0; round < 2000; round++) if (state.isRunning('${CONFIG}', 'nightly')) held += 1
  say('held ' + held)
}
if (task === 'write') {
  using state = State.open(directory, clock)
  for (let number = 0; number < 20; number++)
    state.runs.record({ id: name + '-' + number, config: '${CONFIG}', job: name, repository: 'r', trigger: 'hand', dueMs: undefined, startedMs: number, pid: 1 }, 'ok', '')
  say('written')
}
`

class Child {
  readonly process: ChildProcess
  readonly #lines: string[] = []
  #wake: () => void = () => undefined

  constructor(directory: string, task: string, name: string) {
    this.process = spawn(process.execPath, [join(scratch, 'child.mjs'), directory, task, name], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    children.add(this.process)
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#lines.push(...text.split('\n').filter((line) => line !== ''))
      this.#wake()
    })
    this.process.on('close', () => this.#wake())
  }

  async line(): Promise<string> {
    while (this.#lines.length === 0 && this.process.exitCode === null)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    return this.#lines.shift() ?? 'ended'
  }

  begin(): void {
    this.process.stdin?.write('go\n')
  }
}

/** All at the same time. */
async function inParallel(
  directory: string,
  task: string,
  count: number,
): Promise<readonly [Child[], string[]]> {
  const all = Array.from({ length: count }, (_, at) => new Child(directory, task, `child${at}`))
  for (const child of all) expect(await child.line()).toBe('ready')
  for (const child of all) child.begin()
  return [all, await Promise.all(all.map((child) => child.line()))]
}

beforeAll(async () => {
  await build({
    configFile: false,
    logLevel: 'silent',
    root: ROOT,
    build: {
      ssr: join(ROOT, 'src/jobs/state/state.ts'),
      outDir: scratch,
      emptyOutDir: false,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'state.mjs' } },
    },
  })
  symlinkSync(join(ROOT, 'node_modules'), join(scratch, 'node_modules'))
  // Node 20 does not know \`using\`.
  writeFileSync(join(scratch, 'child.mjs'), CHILD.replace('using state', 'const state'))
})
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
})

let directory: string
let count = 0
beforeEach(() => {
  count += 1
  directory = join(scratch, `state-${count}`)
})

describe('the lock of a job', () => {
  it('is got by one of twenty who want it at once', { timeout: 60_000 }, async () => {
    const [all, answers] = await inParallel(directory, 'lock', 20)
    expect(answers.toSorted()).toEqual(['locked', ...Array.from({ length: 19 }, () => 'refused')])
    for (const { process } of all) process.kill('SIGKILL')
  })

  it('is free again where its holder was killed', { timeout: 60_000 }, async () => {
    using state = State.open(directory, clock)
    const [[child]] = await inParallel(directory, 'lock', 1)
    expect(state.isRunning(CONFIG, 'nightly')).toBe(true)
    expect(state.lock(CONFIG, 'nightly')).toBeUndefined()
    expect(state.isRunning(CONFIG, 'other')).toBe(false)
    const closed = new Promise((resolve) => child!.process.once('close', resolve))
    child!.process.kill('SIGKILL')
    await closed
    expect(state.isRunning(CONFIG, 'nightly')).toBe(false)
    using lock = state.lock(CONFIG, 'nightly')
    expect(lock).toBeDefined()
  })

  it('is not lost where its own process looks at it', { timeout: 60_000 }, async () => {
    using state = State.open(directory, clock)
    using _lock = state.lock(CONFIG, 'nightly')
    expect(state.isRunning(CONFIG, 'nightly')).toBe(true)
    expect(state.lock(CONFIG, 'nightly')).toBeUndefined()
    const [, answers] = await inParallel(directory, 'lock', 1)
    expect(answers).toEqual(['refused'])
  })

  it('is never held by those who only look, and is got while they do', { timeout: 60_000 }, async () => {
    State.open(directory, clock).lock(CONFIG, 'nightly')?.[Symbol.dispose]()
    const [, answers] = await inParallel(directory, 'look', 4)
    expect(answers).toEqual(['held 0', 'held 0', 'held 0', 'held 0'])
    const lookers = Array.from({ length: 4 }, () => new Child(directory, 'look', 'x'))
    for (const looker of lookers) await looker.line()
    for (const looker of lookers) looker.begin()
    const [, [answer]] = await inParallel(directory, 'lock', 1)
    expect(answer).toBe('locked')
    await Promise.all(lookers.map((looker) => looker.line()))
  })
})

describe('the history', () => {
  const runsOf = (): number => {
    using state = State.open(directory, clock)
    return state.runs.list({ config: CONFIG, limit: 1_000 }).length
  }

  it('is begun by ten who open it at once, and loses nothing', { timeout: 60_000 }, async () => {
    const [, answers] = await inParallel(directory, 'write', 10)
    expect(new Set(answers)).toEqual(new Set(['written']))
    expect(runsOf()).toBe(200)
  })

  it('is begun anew once by ten who find it damaged at once', { timeout: 60_000 }, async () => {
    State.open(directory, clock)[Symbol.dispose]()
    writeFileSync(join(directory, 'state.sqlite'), 'this was a database'.repeat(1_000))
    const [, answers] = await inParallel(directory, 'write', 10)
    expect(new Set(answers)).toEqual(new Set(['written']))
    expect(runsOf()).toBe(200)
    expect(readdirSync(directory).filter((name) => name.includes('.damaged-'))).toHaveLength(1)
  })
})
