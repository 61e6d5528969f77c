/**
 * How the suites of `test/reliability` say what they tried and what went wrong: each writes its figures to a file of its own, and
 * `publish.ts` gathers those of a full run. No figure is ever typed by hand.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, afterEach, beforeAll, vi } from 'vitest'

export type SuiteId = `T${number}`

/** Things that were tried and how many went wrong. */
export type Figure = {
  /** A noun in the plural: `bits flipped`. */
  readonly tried: string
  readonly count: number
  /** What going wrong is: `not noticed`. */
  readonly wrongly: string
  readonly wrong: number
  /** Absent: it has none and is told for its own sake. `wrong`: at most so many; `share`: at least so much of `count` goes right. */
  readonly target?: { readonly count?: number; readonly wrong?: number; readonly share?: number }
}

/** What a suite measured beside: told, never judged. */
export type Measure = { readonly name: string; readonly value: number; readonly unit: string }

export type SuiteResult = {
  readonly id: SuiteId
  /** `begun`: it never came to its end. */
  readonly outcome: 'begun' | 'passed' | 'failed'
  /** ISO 8601. */
  readonly date: string
  readonly node: string
  readonly seconds: number
  readonly figures: readonly Figure[]
  readonly measures: readonly Measure[]
}

export const FULL: boolean = process.env['SNAP_RELIABILITY'] === 'full'

/** The size of a suite: the first in `npm test`, the second in `npm run test:reliability`. */
export function sized<T>(quick: T, full: T): T {
  return FULL ? full : quick
}

/** Where results lie until they are published; not in the repository. */
export function resultsDirectory(full: boolean): string {
  return join(import.meta.dirname, '..', 'reliability', '.results', full ? 'full' : 'quick')
}

export function isMet({ count, wrong, target }: Figure): boolean {
  const { count: least = 0, wrong: most = Number.POSITIVE_INFINITY, share = 0 } = target ?? {}
  return count >= least && wrong <= most && count - wrong >= share * count
}

const PROGRESS_MS = 10_000
/** Of one test: far more than it takes, on a machine that does other things too. */
const TIMEOUT_MS: number = sized(600_000, 7_200_000)

export class Figures {
  readonly #id: SuiteId
  readonly #path: string
  readonly #figures: Figure[] = []
  readonly #measures: Measure[] = []
  #failed = false
  #started = performance.now()
  #told = performance.now()

  /** Sets the time that tests have and declares the hooks that write the file: for the top of a test file, whose `import.meta.url` names it. */
  constructor(id: SuiteId, url: string) {
    this.#id = id
    this.#path = join(resultsDirectory(FULL), `${basename(url, '.test.ts')}.json`)
    vi.setConfig({ testTimeout: TIMEOUT_MS })
    beforeAll(() => {
      this.#started = performance.now()
      this.#write('begun')
    })
    afterEach(({ task }) => {
      if (task.result?.state === 'fail') this.#failed = true
    })
    afterAll(() => this.#write(this.#failed ? 'failed' : 'passed'))
  }

  /** Call it before the assertion that may fail on it: what was not reached is to be told too. */
  record(figure: Figure): void {
    this.#figures.push(figure)
    const { tried, count, wrongly, wrong } = figure
    console.log(`${this.#id}: ${count} ${tried}, ${wrong} ${wrongly}`)
  }

  measure(measure: Measure): void {
    this.#measures.push(measure)
    console.log(`${this.#id}: ${measure.name}: ${measure.value} ${measure.unit}`)
  }

  /** Says how far a long run is, now and then. */
  progress(what: string, done: number, of: number): void {
    if (!FULL || performance.now() - this.#told < PROGRESS_MS) return
    this.#told = performance.now()
    console.log(`${this.#id}: ${what}: ${done} of ${of}`)
  }

  #write(outcome: SuiteResult['outcome']): void {
    mkdirSync(resultsDirectory(FULL), { recursive: true })
    const result: SuiteResult = {
      id: this.#id,
      outcome,
      date: new Date().toISOString(),
      node: process.version,
      seconds: Math.round((performance.now() - this.#started) / 100) / 10,
      figures: this.#figures,
      measures: this.#measures,
    }
    writeFileSync(this.#path, `${JSON.stringify(result, null, 2)}\n`)
  }
}
