/** `snap schedule run` as cron calls it, each minute, where nothing or little can be remembered. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Daemon } from '../../../src/daemon/daemon.ts'
import { serviceManager } from '../../../src/daemon/service-manager.ts'
import { readConfig } from '../../../src/jobs/config/read-config.ts'
import { State } from '../../../src/jobs/state/state.ts'
import { scratchDirectory, smallFileSystem } from '../../support/storage/scratch.ts'

const MINUTE = 60_000
const KEY = 'here:/snap.yaml'
const { config } = readConfig({
  file: '/snap.yaml',
  text: `repositories: { r: { path: /r } }\nsources: { s: { files: [/s] } }
jobs: { nightly: { sources: [s], schedule: { at: 'daily at 02:00', timezone: UTC } } }`,
  env: {},
})

type Call = { readonly ran: readonly string[]; readonly failed: readonly string[]; readonly checks: number }

/** One call, by a process of its own. */
async function called(directory: string, nowMs: number): Promise<Call> {
  const clock = { now: () => nowMs }
  const ran: string[] = []
  let checks = 0
  using state = State.openAnyhow(directory, clock)
  const daemon = new Daemon(
    { config, key: KEY, host: 'here', state },
    {
      clock,
      random: { bytes: (count) => new Uint8Array(count) },
      manager: serviceManager(undefined, () => 0n),
      note: () => undefined,
      warn: () => undefined,
      processes: (_events, { began }) => ({
        has: () => false,
        count: 0,
        start: (order) => {
          ran.push(order.job)
          began(order)
        },
        stop: async () => undefined,
        drain: async () => undefined,
        change: () => undefined,
      }),
      sleep: async () => undefined,
      check: async () => {
        checks += 1
      },
    },
  )
  const failed = await daemon.once(new AbortController().signal)
  return { ran, failed, checks }
}

async function hour(directory: string, from: number): Promise<Call[]> {
  const calls: Call[] = []
  for (let minute = 0; minute < 60; minute++)
    calls.push(await called(directory, from + minute * MINUTE + 2_000))
  return calls
}

const sum = (calls: readonly Call[]) => ({
  ran: calls.flatMap(({ ran }) => ran),
  checks: calls.reduce((all, { checks }) => all + checks, 0),
  failed: [...new Set(calls.flatMap(({ failed }) => failed))],
})

describe('a job that is due while nothing can be written down', () => {
  it.runIf(process.getuid?.() === 0)('is run once on a full disk, and that is told', async () => {
    const small = smallFileSystem(512 * 1_024)
    const directory = join(small, 'state')
    await called(directory, Date.UTC(2026, 0, 1, 1, 30))
    try {
      for (;;) writeFileSync(join(small, 'filler'), Buffer.alloc(4_096), { flag: 'a' })
    } catch {
      // Full.
    }
    expect(sum(await hour(directory, Date.UTC(2026, 0, 1, 1, 50)))).toEqual({
      ran: ['nightly'],
      checks: 4,
      failed: ['the history of runs cannot be kept'],
    })
    rmSync(join(small, 'filler'))
    expect((await called(directory, Date.UTC(2026, 0, 1, 3))).ran).toEqual([])
    expect(sum(await hour(directory, Date.UTC(2026, 0, 2, 1, 50)))).toMatchObject({
      ran: ['nightly'],
      failed: [],
    })
  })

  it('is run in its minute where nothing can be remembered at all', async () => {
    const directory = join(scratchDirectory(), 'state')
    writeFileSync(directory, 'a file, no directory')
    expect(sum(await hour(directory, Date.UTC(2026, 0, 1, 1, 50)))).toEqual({
      ran: ['nightly'],
      checks: 4,
      failed: ['the history of runs cannot be kept'],
    })
    rmSync(directory)
    mkdirSync(directory)
    expect((await called(directory, Date.UTC(2026, 0, 1, 3))).failed).toEqual([])
  })
})
