/** One process that uses the repository, on a machine whose cache may go or become an older one. It does one thing at a time. */
import { cpSync, existsSync, rmSync } from 'node:fs'
import type { Processes } from '../../../src/storage/processes.ts'
import type { Executor, ExecutorFactory } from '../../../src/workers/executor.ts'
import { createInThreadExecutor } from '../../../src/workers/in-thread.ts'
import type { TestRepository } from '../repository.ts'
import { type Act, acts } from './act.ts'

/** Which processes are running, for those that share a machine. */
export class Marks {
  readonly #running = new Set<string>()
  readonly #areUnknown: boolean
  #next = 0

  constructor(areUnknown: boolean) {
    this.#areUnknown = areUnknown
  }

  /** `own`: asked each time, since a killed process is followed by another. */
  processes(own: () => string): Processes {
    const isKnown = !this.#areUnknown
    return {
      get own() {
        return isKnown ? own() : undefined
      },
      stateOf: (mark) => (isKnown ? (this.#running.has(mark) ? 'running' : 'ended') : 'unknown'),
    }
  }

  begin(): string {
    const mark = String(this.#next++)
    this.#running.add(mark)
    return mark
  }

  end(mark: string): void {
    this.#running.delete(mark)
  }
}

export class Client {
  readonly name: string
  readonly test: TestRepository
  readonly #marks: Marks
  mark: string
  /** What it is at work on. */
  act: Act | undefined
  #executor: Executor | undefined
  #isOpen = true

  constructor(name: string, test: TestRepository, marks: Marks, mark: string) {
    this.name = name
    this.test = test
    this.#marks = marks
    this.mark = mark
  }

  /** For its backups: a killed one leaves a connection to the manifest open there. */
  readonly executor: ExecutorFactory = (...parts) => {
    this.#executor = createInThreadExecutor(...parts)
    return this.#executor
  }

  /** As if the process had been killed: its manifest stays, everything in memory is gone, and it never goes on. */
  die(): void {
    this.#end()
    this.test.repository.manifest[Symbol.dispose]()
    void this.#executor?.[Symbol.asyncDispose]()
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    await this.test.close()
    this.#end()
  }

  #end(): void {
    this.#isOpen = false
    this.#marks.end(this.mark)
  }

  /** As a new process where it was closed or killed. Nobody comes between. */
  async open(): Promise<void> {
    if (this.#isOpen) return
    this.mark = this.#marks.begin()
    this.#isOpen = true
    await acts.run(undefined, () => this.test.reopen())
  }

  async loseCache(): Promise<void> {
    await this.close()
    rmSync(this.test.ports.cacheDirectory, { recursive: true, force: true })
  }

  /** A copy of its cache as it is now, or the one that there is back in its place. Returns which. */
  async exchangeCache(keeps: boolean): Promise<'copied' | 'back'> {
    const { cacheDirectory } = this.test.ports
    const copy = `${cacheDirectory}-copy`
    await this.close()
    if (existsSync(copy) && !keeps) {
      rmSync(cacheDirectory, { recursive: true, force: true })
      cpSync(copy, cacheDirectory, { recursive: true })
      return 'back'
    }
    rmSync(copy, { recursive: true, force: true })
    cpSync(cacheDirectory, copy, { recursive: true })
    return 'copied'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
