/**
 * Shows the progress events of an operation: a line on a terminal, restic's NDJSON for programs, else nothing.
 * It draws when events come, at most so often, and has no timer: an operation that is busy cannot be late for it.
 */
import type { Journal } from '../../jobs/runs/journal.ts'
import type { Clock } from '../../model/clock.ts'
import type { ProgressEvent } from '../../model/progress.ts'
import { jsonLine } from './json-lines.ts'
import { type ProgressState, progressLine, shareDone } from './progress-line.ts'
import { jsonPath, jsonText, safeText } from './safe-text.ts'

/** The part of a stream that is needed; `columns` and `isTTY` as Node has them. */
export type TextSink = {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

export type ProgressOptions = {
  readonly json: boolean
  readonly quiet: boolean
  /** `--no-progress`, or a terminal that cannot redraw a line. */
  readonly hidden: boolean
  readonly clock: Clock
  readonly stdout: TextSink
  readonly stderr: TextSink
  readonly journal?: Journal | undefined
}

/** Closing clears the line, and under `--json` writes the last status. Closing twice is fine. */
export interface ProgressReporter extends Disposable {
  on(event: ProgressEvent): void
  readonly warnings: number
  close(): void
}

const REDRAW_MS = 100
const JSON_MS = 1000
const RATE_WINDOW_MS = 15_000
/** Where the terminal does not know its width, or says 0. */
const COLUMNS_DEFAULT = 80
const CLEAR_LINE = '\r\u001b[K'

export function progressReporter(options: ProgressOptions): ProgressReporter {
  const shown = !options.quiet && !options.hidden
  if (options.json) return new Reporter(options, shown ? jsonDisplay(options.stdout) : NO_DISPLAY)
  return new Reporter(
    options,
    shown && options.stderr.isTTY === true ? terminalDisplay(options.stderr) : NO_DISPLAY,
  )
}

type Display = {
  readonly everyMs: number
  draw(state: ProgressState, elapsedMs: number, warnings: number): void
  /** Makes room for another line. */
  clear(): void
  end(state: ProgressState, elapsedMs: number, warnings: number): void
}

const NO_DISPLAY: Display = { everyMs: Number.POSITIVE_INFINITY, draw() {}, clear() {}, end() {} }

function terminalDisplay(stderr: TextSink): Display {
  let drawn = false
  const clear = (): void => {
    if (drawn) stderr.write(CLEAR_LINE)
    drawn = false
  }
  return {
    everyMs: REDRAW_MS,
    draw(state) {
      stderr.write(CLEAR_LINE + progressLine(state, stderr.columns || COLUMNS_DEFAULT))
      drawn = true
    },
    clear,
    end: clear,
  }
}

function jsonDisplay(stdout: TextSink): Display {
  const draw: Display['draw'] = (state, elapsedMs, warnings) => {
    const { bytesPerSecond, bytesTotal, bytesDone, current } = state
    const remaining =
      state.totalFinal && bytesPerSecond > 0 ? (bytesTotal - bytesDone) / bytesPerSecond : undefined
    const status = {
      message_type: 'status',
      seconds_elapsed: Math.floor(elapsedMs / 1000),
      ...(remaining === undefined ? {} : { seconds_remaining: Math.max(0, Math.round(remaining)) }),
      percent_done: shareDone(state),
      total_files: state.filesTotal,
      files_done: state.filesDone,
      total_bytes: bytesTotal,
      bytes_done: bytesDone,
      ...(warnings > 0 ? { error_count: warnings } : {}),
      current_files: current === undefined ? [] : [jsonText(current)],
    }
    stdout.write(jsonLine(status))
  }
  return { everyMs: JSON_MS, draw, clear() {}, end: draw }
}

type Sample = { readonly at: number; readonly bytes: number }

class Reporter implements ProgressReporter {
  readonly #options: ProgressOptions
  readonly #display: Display
  readonly #startedAt: number
  readonly #samples: Sample[] = []
  #drawnAt: number
  #closed = false
  #warnings = 0
  #filesDone = 0
  #bytesDone = 0
  #filesTotal = 0
  #bytesTotal = 0
  #totalFinal = false
  #current: string | undefined

  constructor(options: ProgressOptions, display: Display) {
    this.#options = options
    this.#display = display
    this.#startedAt = options.clock.now()
    this.#drawnAt = this.#startedAt
    this.#samples.push({ at: this.#startedAt, bytes: 0 })
  }

  get warnings(): number {
    return this.#warnings
  }

  on(event: ProgressEvent): void {
    switch (event.kind) {
      case 'total':
        this.#filesTotal = event.files
        this.#bytesTotal = event.bytes
        this.#totalFinal = event.final
        break
      case 'done':
        this.#filesDone += event.files
        this.#bytesDone += event.bytes
        break
      case 'file':
        this.#current = event.path
        break
      case 'warning':
        this.#warn('warning', event.path, event.reason)
        break
      case 'failure':
        this.#warn('failed', event.path, event.reason)
        break
    }
    if (!this.#closed) this.#drawIfDue()
  }

  #warn(word: 'warning' | 'failed', path: string, reason: string): void {
    this.#warnings++
    this.#display.clear()
    const { json, stderr, journal } = this.#options
    journal?.warning(reason, { path })
    const { path: item, path_b64 } = jsonPath(path)
    const line = {
      message_type: 'error',
      error: { message: jsonText(reason) },
      item,
      ...(path_b64 === undefined ? {} : { item_b64: path_b64 }),
    }
    stderr.write(json ? jsonLine(line) : `${word}: ${safeText(path)}: ${safeText(reason)}\n`)
  }

  #drawIfDue(): void {
    if (this.#display.everyMs === Number.POSITIVE_INFINITY) return
    const now = this.#options.clock.now()
    if (now - this.#drawnAt < this.#display.everyMs) return
    this.#drawnAt = now
    this.#samples.push({ at: now, bytes: this.#bytesDone })
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > RATE_WINDOW_MS)
      this.#samples.shift()
    this.#display.draw(this.#state(now), now - this.#startedAt, this.#warnings)
  }

  #state(now: number): ProgressState {
    const oldest = this.#samples[0]
    const seconds = oldest === undefined ? 0 : (now - oldest.at) / 1000
    return {
      filesDone: this.#filesDone,
      bytesDone: this.#bytesDone,
      filesTotal: Math.max(this.#filesTotal, this.#filesDone),
      bytesTotal: Math.max(this.#bytesTotal, this.#bytesDone),
      totalFinal: this.#totalFinal,
      bytesPerSecond: seconds > 0 ? (this.#bytesDone - (oldest?.bytes ?? 0)) / seconds : 0,
      current: this.#current,
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const now = this.#options.clock.now()
    this.#display.end(this.#state(now), now - this.#startedAt, this.#warnings)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
