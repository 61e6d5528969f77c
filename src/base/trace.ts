/**
 * Where the time of a run goes, by stages, on every thread. Off unless the main thread calls `startTrace` before it makes
 * others; then each call below costs a check of one variable. It knows neither stages nor files.
 *
 * What is one of very many (a chunk, a read) belongs to a task: of each task there is one span for each stage, as long as
 * all of that stage together, one after the other from the task's start. What is left of the task is in no stage.
 */
import { getEnvironmentData, setEnvironmentData, threadId } from 'node:worker_threads'
import { TraceRecords } from './trace-records.ts'

const SHARED_NAME = 'snap.trace'
/** Tracks of one thread: its own, and one for each thing that it waits for at once. */
export const TRACKS_OF_THREAD = 64
const COUNTER_NAME = 'bytes in flight'

let tracer: Tracer | undefined

/** On the main thread, before others are made; they share the records. */
export function startTrace(): TraceRecords {
  const records = new TraceRecords()
  records.originMs = clockMs() - performance.now()
  setEnvironmentData(SHARED_NAME, records.memory)
  tracer = new Tracer(records, 'main')
  tracer.span('start', 0, clockMs() - records.originMs, 0)
  return records
}

/** Nothing is recorded any more. */
export function stopTrace(): void {
  setEnvironmentData(SHARED_NAME, undefined)
  tracer = undefined
}

/** In a thread, first of all: whether it records is what the main thread has decided. */
export function joinTrace(thread: string): void {
  const memory = getEnvironmentData(SHARED_NAME)
  if (memory instanceof SharedArrayBuffer)
    tracer = new Tracer(new TraceRecords(memory), `${thread} ${threadId}`)
}

/** `work` is the task of this thread. */
export function asTask<T>(name: string, work: () => T): T {
  return tracer === undefined ? work() : tracer.task(name, work)
}

/** The time of `work` counts for the stage, unless it is within another, which has it then. Outside of tasks it is a span of its own. */
export function inStage<T>(stage: string, work: () => T): T {
  if (tracer === undefined) return work()
  const start = tracer.enter()
  try {
    return work()
  } finally {
    tracer.leave(stage, start)
  }
}

/** A span while `work` is under way; several at once are drawn below each other. */
export function during<T>(name: string, work: () => Promise<T>): Promise<T> {
  return tracer === undefined ? work() : tracer.during(name, work)
}

/** This thread holds so many more bytes of what is on its way, or fewer. */
export function addInFlight(bytes: number): void {
  tracer?.addInFlight(bytes)
}

/** `object` itself; from now on the time of these methods counts for the stages. Nothing is changed where nothing is recorded. */
export function timed<T extends object>(
  object: T,
  stages: { readonly [Method in keyof T & string]?: string },
): T {
  const to = tracer
  if (to === undefined) return object
  for (const [method, stage] of Object.entries<string | undefined>(stages)) {
    const original: unknown = Reflect.get(object, method)
    if (typeof original !== 'function' || stage === undefined) continue
    const value = (...args: unknown[]): unknown => {
      const start = to.enter()
      try {
        return Reflect.apply(original, object, args)
      } finally {
        to.leave(stage, start)
      }
    }
    Object.defineProperty(object, method, { value })
  }
  return object
}

/** In ms, the same for all threads: where `performance.now()` of a thread begins differs between versions of Node. */
function clockMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000 + nanoseconds / 1_000_000
}

const IN_ANOTHER = -1

class Tracer {
  readonly #records: TraceRecords
  readonly #track: number = threadId * TRACKS_OF_THREAD
  readonly #lanes: boolean[] = []
  #stages: Map<string, { ms: number; times: number }> | undefined
  #isInStage = false
  #bytes = 0

  constructor(records: TraceRecords, thread: string) {
    this.#records = records
    const startMs = this.#now()
    records.add({ kind: 'thread', track: this.#track, name: thread, startMs, durationMs: 0, value: 0 })
  }

  #now(): number {
    return clockMs() - this.#records.originMs
  }

  span(name: string, startMs: number, durationMs: number, times: number, lane = 0): void {
    this.#records.add({ kind: 'span', track: this.#track + lane, name, startMs, durationMs, value: times })
  }

  task<T>(name: string, work: () => T): T {
    const stages = new Map<string, { ms: number; times: number }>()
    this.#stages = stages
    const startMs = this.#now()
    try {
      return work()
    } finally {
      this.#stages = undefined
      this.span(name, startMs, this.#now() - startMs, 0)
      let at = startMs
      for (const [stage, { ms, times }] of stages) {
        this.span(stage, at, ms, times)
        at += ms
      }
    }
  }

  /** When the stage began; to be given to `leave`. */
  enter(): number {
    if (this.#isInStage) return IN_ANOTHER
    this.#isInStage = true
    return this.#now()
  }

  leave(stage: string, startMs: number): void {
    if (startMs === IN_ANOTHER) return
    this.#isInStage = false
    const ms = this.#now() - startMs
    if (this.#stages === undefined) {
      this.span(stage, startMs, ms, 0)
      return
    }
    const sum = this.#stages.get(stage)
    if (sum === undefined) this.#stages.set(stage, { ms, times: 1 })
    else {
      sum.ms += ms
      sum.times += 1
    }
  }

  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
    const free = this.#lanes.indexOf(false)
    const lane = free === -1 ? this.#lanes.length : free
    this.#lanes[lane] = true
    const startMs = this.#now()
    try {
      return await work()
    } finally {
      this.#lanes[lane] = false
      if (lane + 1 < TRACKS_OF_THREAD) this.span(name, startMs, this.#now() - startMs, 0, lane + 1)
    }
  }

  addInFlight(bytes: number): void {
    this.#bytes += bytes
    const startMs = this.#now()
    const value = this.#bytes
    this.#records.add({
      kind: 'counter',
      track: this.#track,
      name: COUNTER_NAME,
      startMs,
      durationMs: 0,
      value,
    })
  }
}
