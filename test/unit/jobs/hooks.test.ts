import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigReader } from '../../../src/jobs/config/config-reader.ts'
import { readHooks } from '../../../src/jobs/config/read-hooks.ts'
import type { RawHooks } from '../../../src/jobs/config/schema/hooks.ts'
import { readYaml } from '../../../src/jobs/config/yaml-text.ts'
import { betweenHooks, type HookSet } from '../../../src/jobs/hooks.ts'
import { SnapError } from '../../../src/model/errors.ts'

let directory: string
let controller: AbortController
let warnings: string[]
let said: string[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'snap-hooks-'))
  controller = new AbortController()
  warnings = []
  said = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const log = (): string[] => {
  try {
    return readFileSync(join(directory, 'log'), 'utf8').trim().split('\n')
  } catch {
    return []
  }
}

/** Every hook writes its name; those of `more` come behind. */
function set(name: string, more: RawHooks = {}): HookSet {
  const write = (moment: string): string => `echo ${moment} ${name} >> ${directory}/log`
  const raw = Object.fromEntries(
    (['before', 'after', 'failed', 'finally'] as const).map((moment) => [
      moment,
      [write(moment), ...(more[moment] ?? [])],
    ]),
  )
  const hooks = readHooks(new ConfigReader('/snap.yaml', readYaml('', {})), [], raw)
  return { of: name, hooks, env: { SNAP_JOB: name } }
}

function run<T>(
  sets: readonly HookSet[],
  operate: () => Promise<T>,
  status: 'ok' | 'incomplete' = 'ok',
): Promise<T> {
  const ports = {
    said: (hook: string, line: string) => said.push(`${hook}: ${line}`),
    warn: (text: string) => warnings.push(text),
    signal: controller.signal,
  }
  return betweenHooks(sets, ports, operate, () => status)
}

const operation = async (): Promise<number> => {
  await run([set('operation')], async () => 0)
  return 7
}

describe('hooks', () => {
  it('run around what succeeds, the outermost first and last', async () => {
    const order = [
      'before job',
      'before a',
      'before b',
      'after b',
      'finally b',
      'after a',
      'finally a',
      'after job',
      'finally job',
    ]
    expect(await run([set('job'), set('a'), set('b')], async () => 7)).toBe(7)
    expect(log()).toEqual(order)
  })

  it('run around what fails, which is what is told', async () => {
    const failing = run([set('job'), set('a')], () => Promise.reject(new Error('no disk')))
    await expect(failing).rejects.toThrow('no disk')
    expect(log()).toEqual(['before job', 'before a', 'failed a', 'finally a', 'failed job', 'finally job'])
  })

  it('that fail before keep the operation from being begun, and what was stopped is started', async () => {
    let isBegun = false
    const sets = [set('job'), set('a', { before: ['echo no such service >&2; exit 5'] }), set('b')]
    const failing = run(sets, async () => {
      isBegun = true
    })
    await expect(failing).rejects.toMatchObject({
      code: 'HOOK_FAILED',
      message: 'the before hook of a failed: sh ended with status 5: no such service',
    })
    expect(isBegun).toBe(false)
    expect(log()).toEqual(['before job', 'before a', 'failed a', 'finally a', 'failed job', 'finally job'])
  })

  it('that fail after are a failure', async () => {
    const failing = run([set('job', { after: ['exit 1'] })], async () => 7)
    await expect(failing).rejects.toMatchObject({ code: 'HOOK_FAILED' })
    expect(log()).toEqual(['before job', 'after job', 'failed job', 'finally job'])
  })

  it('that fail finally are a failure, but do not hide another', async () => {
    const finallyFails = set('job', { finally: ['exit 1'] })
    await expect(run([finallyFails], async () => 7)).rejects.toMatchObject({ code: 'HOOK_FAILED' })
    await expect(run([finallyFails], () => Promise.reject(new Error('no disk')))).rejects.toThrow('no disk')
    expect(warnings).toEqual(['the finally hook of job failed: sh ended with status 1'])
  })

  it('are passed over, with a word or without, where that was said', async () => {
    const before: RawHooks['before'] = [
      { command: ['false'], 'on-error': 'warn' },
      { command: ['false'], 'on-error': 'ignore' },
    ]
    expect(await run([set('job', { before })], operation)).toBe(7)
    expect(warnings).toEqual(['the before hook of job failed: false ended with status 1'])
  })

  it('that hang are ended after their time', async () => {
    const before: RawHooks['before'] = [{ command: ['sleep', '60'], timeout: '1s' }]
    await expect(run([set('job', { before })], operation)).rejects.toThrow('it took longer than 1s')
    expect(log()).toEqual(['before job', 'failed job', 'finally job'])
  })

  it('know what they belong to and how it went', async () => {
    const tell = 'echo "$SNAP_HOOK of $SNAP_JOB: $SNAP_STATUS $SNAP_ERROR"'
    const told: RawHooks = { before: [tell], after: [tell], failed: [tell], finally: [tell] }
    await run([set('job', told)], async () => 7, 'incomplete')
    const interrupted = new SnapError('INTERRUPTED', 'ended by SIGINT')
    await expect(run([set('job', told)], () => Promise.reject(interrupted))).rejects.toBe(interrupted)
    expect(said).toEqual([
      'before hook of job: before of job:  ',
      'after hook of job: after of job: incomplete ',
      'finally hook of job: finally of job: incomplete ',
      'before hook of job: before of job:  ',
      'failed hook of job: failed of job: interrupted ended by SIGINT',
      'finally hook of job: finally of job: interrupted ended by SIGINT',
    ])
  })

  it('are told of an error that no variable can hold as far as one can', async () => {
    const message = `strange \0 name ${'x'.repeat(1_000_000)}`
    const told: RawHooks = { finally: ['echo "${#SNAP_ERROR} $SNAP_ERROR" | cut -c1-20'] }
    await expect(run([set('job', told)], () => Promise.reject(new Error(message)))).rejects.toThrow('strange')
    expect(log()).toEqual(['before job', 'failed job', 'finally job'])
    expect(said).toEqual(['finally hook of job: 8192 strange   name '])
  })

  it('pass on what they print and say, line by line', async () => {
    const before: RawHooks['before'] = ['printf "one\\ntw"; printf "o\\nthree"; echo four >&2']
    await run([set('job', { before })], async () => 7)
    expect(said.sort()).toEqual(['four', 'one', 'three', 'two'].map((line) => `before hook of job: ${line}`))
  })

  it('run to their end when a signal has ended the operation', async () => {
    const failing = run([set('job', { finally: [`sleep 0.3; echo late >> ${directory}/log`] })], () => {
      controller.abort(new Error('interrupted'))
      return Promise.reject(new Error('interrupted'))
    })
    await expect(failing).rejects.toThrow('interrupted')
    expect(log()).toEqual(['before job', 'failed job', 'finally job', 'late'])
  })

  it('of which one before is interrupted still end with what is to be done finally', async () => {
    const before: RawHooks['before'] = ['sleep 60']
    setTimeout(() => controller.abort(new SnapError('INTERRUPTED', 'ended by SIGTERM')), 200)
    await expect(run([set('job', { before })], operation)).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(log()).toEqual(['before job', 'failed job', 'finally job'])
  })
})
