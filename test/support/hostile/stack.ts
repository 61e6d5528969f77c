/**
 * Takes an attacked repository through every operation, as a client that knew it before and as a new one, and holds what
 * each must keep: no error but a `SnapError`, bounds on time and memory, nothing beside the target, no wrong byte, nothing shown that
 * drives a terminal, and the good snapshot whole.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { listedSnapshot } from '../../../src/cli/listed-snapshot.ts'
import { renderEntry, renderEntryJson } from '../../../src/cli/render/ls.ts'
import { renderSnapshots, renderSnapshotsJson } from '../../../src/cli/render/snapshots.ts'
import { isLive } from '../../../src/log/log-state.ts'
import type { SnapError } from '../../../src/model/errors.ts'
import type { SnapshotId } from '../../../src/model/ids.ts'
import { list } from '../../../src/ops/list.ts'
import { describeSnapshot } from '../../../src/ops/select-moment.ts'
import type { TestRepository } from '../repository.ts'
import {
  MEMORY_BYTES_MAX,
  measured,
  type Outcome,
  restoreInto,
  type Sandbox,
  TIME_MS_MAX,
  verifyAll,
} from './sandbox.ts'

/** What files below `/good` hold in every snapshot that is right. */
export const GOOD: Readonly<Record<string, string>> = { file: 'good', 'deeper/other': 'also good' }

export type StackReport = {
  /** Why it did not open, as the client that knew it and as the new one. */
  readonly refused: readonly (string | undefined)[]
  /** Objects that `verify --data` names. */
  readonly damages: readonly string[]
  /** Codes of what failed in restores, listings and the next backup. */
  readonly failures: readonly string[]
  readonly snapshots: number
}

/** Over all operations of a test file. */
export const worst = { ms: 0, memory: 0 }

async function bounded<T>(what: string, run: () => Promise<T>): Promise<Outcome<T>> {
  const outcome = await measured(run)
  worst.ms = Math.max(worst.ms, outcome.ms)
  worst.memory = Math.max(worst.memory, outcome.memory)
  expect(outcome.ms, `${what}: ms`).toBeLessThan(TIME_MS_MAX)
  expect(outcome.memory, `${what}: bytes of memory`).toBeLessThan(MEMORY_BYTES_MAX)
  return outcome
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const DRIVES_A_TERMINAL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

function expectHarmless(shown: string): void {
  expect(DRIVES_A_TERMINAL.exec(shown)?.index, JSON.stringify(shown.slice(0, 500))).toBeUndefined()
}

class Stack {
  readonly #repo: TestRepository
  readonly #sandbox: Sandbox
  readonly failures: string[] = []
  damages: string[] = []
  snapshots = 0

  constructor(repo: TestRepository, sandbox: Sandbox) {
    this.#repo = repo
    this.#sandbox = sandbox
  }

  #failed(error: SnapError | undefined): void {
    if (error !== undefined) this.failures.push(error.code)
  }

  /** False where it was refused. */
  async open(forgetting: boolean): Promise<SnapError | undefined> {
    return (await bounded('open', () => this.#repo.reopen({ forgetting }))).error
  }

  async show(): Promise<void> {
    const { repository } = this.#repo
    const shown = await bounded('snapshots', async () => {
      const rows = repository.manifest.snapshots.list()
      this.snapshots = rows.length
      for (const row of rows) {
        const { id, series, number, timeMs: time, host, paths, tags } = row
        const named = { id, series, number, time, hostname: host ?? '', paths, label: undefined, tags }
        expect(describeSnapshot(named, 'UTC')).toContain(id.slice(0, 8))
      }
      const listed = rows.map((row) => listedSnapshot(repository, row))
      const json = renderSnapshotsJson(listed)
      expect(JSON.parse(json)).toHaveLength(rows.length)
      return renderSnapshots(listed, { timeZone: 'UTC', withSources: true }) + json
    })
    expect(shown.error, 'snapshots').toBeUndefined()
    expectHarmless(shown.value ?? '')
  }

  async ls(root: Uint8Array): Promise<void> {
    const request = { root, path: '/', recursive: true }
    const ports = { progress: () => undefined, signal: new AbortController().signal }
    const { error } = await bounded('ls', async () => {
      for await (const { entry, ...found } of list(this.#repo.repository, request, ports)) {
        const { target: linkTarget, device, ...rest } = entry
        const one = { ...rest, ...found, linkTarget, ...device }
        const json = renderEntryJson(one)
        JSON.parse(json)
        expectHarmless(renderEntry(one, true, 'UTC') + renderEntry(one, false) + json)
      }
    })
    this.#failed(error)
  }

  /** No file has wrong bytes under its name; `whole`: none is missing and nothing was reported. */
  async restore(root: Uint8Array, whole: boolean): Promise<void> {
    const { target } = this.#sandbox
    this.#sandbox.clear()
    const strip = whole ? { strip: this.#repo.source() } : {}
    const { value, error } = await bounded('restore', () => restoreInto(this.#repo, target, root, strip))
    this.#failed(error)
    for (const { code } of value?.failures ?? []) this.failures.push(code)
    expect(this.#sandbox.isUntouched, 'nothing beside the target changed').toBe(true)
    const place = whole ? join(target, 'good') : join(target, this.#repo.source(), 'good')
    for (const [name, text] of Object.entries(GOOD)) {
      const path = join(place, name)
      if (whole || existsSync(path)) expect(readFileSync(path, 'utf8'), name).toBe(text)
    }
    if (!whole) return
    expect(error, 'the good snapshot').toBeUndefined()
    expect(value?.failures, 'the good snapshot').toEqual([])
  }

  async verify(): Promise<void> {
    for (const data of [false, true]) {
      const { value, error } = await bounded(`verify ${data}`, () => verifyAll(this.#repo, data))
      expect(error, `verify ${data}`).toBeUndefined()
      this.damages = value?.damages.map(({ object }) => object) ?? []
    }
  }

  /** What is saved restores whole; where it is not saved, a `SnapError` says why. */
  async backup(): Promise<void> {
    const { value, error } = await bounded('backup', () => this.#repo.backup())
    this.#failed(error)
    if (value !== undefined) await this.restore(this.#repo.snapshot(value.snapshot).root, true)
  }
}

/** `good`: a snapshot that the attack does not concern. */
export async function throughStack(
  repo: TestRepository,
  sandbox: Sandbox,
  good: SnapshotId | undefined,
): Promise<StackReport> {
  const stack = new Stack(repo, sandbox)
  const refused: (string | undefined)[] = []
  try {
    for (const forgetting of [false, true]) {
      const error = await stack.open(forgetting)
      refused.push(error?.code)
      if (error !== undefined) continue
      await stack.show()
      for (const snapshot of [...repo.repository.log.state.snapshots.values()].filter(isLive)) {
        await stack.ls(snapshot.root)
        await stack.restore(snapshot.root, snapshot.id === good)
      }
      if (good !== undefined) expect(repo.snapshot(good).forgotten).toBeUndefined()
      await stack.verify()
    }
    if (refused.at(-1) === undefined) await stack.backup()
  } finally {
    sandbox.clear()
  }
  return { refused, damages: stack.damages, failures: stack.failures, snapshots: stack.snapshots }
}

/** Names of files below a directory, from there. */
export function filesBelow(directory: string, prefix = ''): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory).flatMap((name) =>
    statSync(join(directory, name)).isDirectory()
      ? filesBelow(join(directory, name), `${prefix}${name}/`)
      : [prefix + name],
  )
}
