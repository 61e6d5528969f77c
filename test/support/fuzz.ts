/**
 * A fuzzer that knows the structure of our layouts, not what is covered: valid bytes are flipped, cut, spliced, and get lengths,
 * counts and varints that hurt. The outcome must be a value or an expected `SnapError`, soon and with little memory.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type ErrorCode, SnapError } from '../../src/model/errors.ts'
import { Chance } from './builders.ts'

export type Decoder = {
  readonly name: string
  /** Valid inputs. */
  readonly seeds: readonly Uint8Array[]
  readonly run: (bytes: Uint8Array) => unknown
  /** What it may throw beside `OBJECT_DAMAGED` and `LIMIT_EXCEEDED`. */
  readonly codes?: readonly ErrorCode[]
}

export type FuzzOutcome = {
  readonly executions: number
  readonly accepted: number
  /** Inputs that crashed it, or took too long each time: as text, the first few. */
  readonly failures: readonly string[]
  readonly slowestMs: number
  /** Growth of the peak of resident memory, and of that of buffers, touched or not (looked at now and then): bytes. */
  readonly residentBytes: number
  readonly bufferBytes: number
  readonly perSecond: number
}

/** One execution, the fastest of three tries. */
const SLOW_MS = 50
const FAILURES_MAX = 5
/** Executions between two looks at the memory of buffers. */
const LOOK_EVERY = 64
const TURN_EVERY = 256
const INPUT_BYTES_MAX = 65_536

export async function fuzz(
  decoder: Decoder,
  executions: number,
  seed: number,
  watch?: Watchdog,
): Promise<FuzzOutcome> {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0 // nearly every execution throws, and nobody looks at where
  try {
    return await execute(decoder, executions, seed, watch)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

async function execute(
  decoder: Decoder,
  executions: number,
  seed: number,
  watch?: Watchdog,
): Promise<FuzzOutcome> {
  const { seeds, run, codes = [] } = decoder
  const allowed = new Set<ErrorCode>(['OBJECT_DAMAGED', 'LIMIT_EXCEEDED', ...codes])
  const mutator = new Mutator(new Chance(seed), seeds)
  const failures: string[] = []
  const memory = new PeakMemory()
  const started = performance.now()
  let accepted = 0
  let slowestMs = 0
  const attempt = (bytes: Uint8Array): string | undefined => {
    try {
      run(bytes)
      accepted += 1
    } catch (error) {
      if (!(error instanceof SnapError) || !allowed.has(error.code)) return String(error)
    }
    return undefined
  }
  for (let execution = 0; execution < executions && failures.length < FAILURES_MAX; execution++) {
    // What nobody touched must be taken, and goes first.
    const bytes = execution < seeds.length ? seeds[execution]!.slice() : mutator.next()
    watch?.begin(bytes)
    let failure: string | undefined
    let fastest = Number.POSITIVE_INFINITY
    for (let tries = 0; tries < 3 && fastest > SLOW_MS; tries++) {
      const before = performance.now()
      failure = attempt(bytes)
      fastest = Math.min(fastest, performance.now() - before)
    }
    if (execution % LOOK_EVERY === 0) memory.look()
    // Node gives the memory of ciphers back between turns only.
    if (execution % TURN_EVERY === 0) await setImmediate()
    slowestMs = Math.max(slowestMs, fastest)
    if (fastest > SLOW_MS) failure = `${Math.round(fastest)} ms`
    if (execution < seeds.length && accepted !== execution + 1) failure ??= 'a valid input was refused'
    if (failure !== undefined) failures.push(`${failure}: ${Buffer.from(bytes).toString('hex', 0, 500)}`)
  }
  watch?.end()
  const perSecond = Math.round((executions / (performance.now() - started)) * 1_000)
  return { executions, accepted, failures, slowestMs, ...memory.growth(), perSecond }
}

/** Numbers that lie at the edges of fields. */
const EDGES = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0xffff, 0x1_0000, 0x1f_ffff, 0x20_0000, 0x7fff_ffff,
  0xffff_ffff,
]
const VARINTS: readonly Uint8Array[] = [
  ...EDGES.map(varint),
  varint(2 ** 53 - 1),
  Uint8Array.of(0x80, 0),
  new Uint8Array(8).fill(0x80),
  new Uint8Array(9).fill(0xff),
]
const WIDE = [0xff_ffff_ffffn, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n, 2n ** 63n]

export class Mutator {
  readonly #chance: Chance
  readonly #seeds: readonly Uint8Array[]

  constructor(chance: Chance, seeds: readonly Uint8Array[]) {
    this.#chance = chance
    this.#seeds = seeds
  }

  #seed(): Uint8Array {
    return this.#seeds[this.#chance.int(this.#seeds.length)] ?? new Uint8Array(0)
  }

  /** One to five changes to a seed. */
  next(): Uint8Array {
    let bytes: Uint8Array = new Uint8Array(this.#seed())
    for (let changes = 1 + this.#chance.int(5); changes > 0; changes--) bytes = this.#change(bytes)
    return bytes.length > INPUT_BYTES_MAX ? bytes.slice(0, INPUT_BYTES_MAX) : bytes
  }

  #change(bytes: Uint8Array): Uint8Array {
    const chance = this.#chance
    if (bytes.length === 0) return chance.bytes(1 + chance.int(16))
    // Layouts begin with their counts and versions: half of all changes fall near the beginning.
    const at = chance.int(chance.int(2) === 0 ? bytes.length : Math.min(bytes.length, 64))
    const other = chance.int(bytes.length + 1)
    switch (chance.int(13)) {
      case 0:
        bytes[at]! ^= 1 << chance.int(8)
        return bytes
      case 1:
        bytes[at] = chance.int(256)
        return bytes
      case 2:
        bytes[at] = EDGES[chance.int(6)]!
        return bytes
      case 3:
        return overwrite(bytes, at, number32(EDGES[chance.int(EDGES.length)]!))
      case 4:
        return overwrite(bytes, at, number64(WIDE[chance.int(WIDE.length)]!))
      case 5:
        return overwrite(bytes, at, VARINTS[chance.int(VARINTS.length)]!)
      case 6:
        return joined(bytes.subarray(0, at), VARINTS[chance.int(VARINTS.length)]!, bytes.subarray(at + 1))
      case 7:
        return bytes.slice(0, at)
      case 8:
        return joined(bytes.subarray(0, Math.max(at, other)), bytes.subarray(Math.min(at, other)))
      case 9:
        return joined(bytes.subarray(0, Math.min(at, other)), bytes.subarray(Math.max(at, other)))
      case 10: {
        const donor = this.#seed()
        return joined(bytes.subarray(0, at), donor.subarray(chance.int(donor.length + 1)))
      }
      case 11:
        return joined(bytes.subarray(0, at), chance.bytes(1 + chance.int(8)), bytes.subarray(at))
      default: {
        // A number next to the one that is there: one entry more, one byte less.
        bytes[at] = bytes[at]! + (chance.int(2) === 0 ? 1 : -1)
        return bytes
      }
    }
  }
}

function overwrite(bytes: Uint8Array, at: number, by: Uint8Array): Uint8Array {
  bytes.set(by.subarray(0, bytes.length - at), at)
  return bytes
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function number32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function number64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Uint8Array.of(...bytes, rest)
}

/** Peaks from here on. */
class PeakMemory {
  readonly #resident: number
  readonly #buffers = process.memoryUsage().arrayBuffers
  #bufferPeak = 0

  constructor() {
    writeFileSync('/proc/self/clear_refs', '5')
    this.#resident = statusBytes('VmRSS')
  }

  /** What an execution leaves behind stays counted until it is collected. */
  look(): void {
    this.#bufferPeak = Math.max(this.#bufferPeak, process.memoryUsage().arrayBuffers)
  }

  growth(): { residentBytes: number; bufferBytes: number } {
    return {
      residentBytes: statusBytes('VmHWM') - this.#resident,
      bufferBytes: this.#bufferPeak - this.#buffers,
    }
  }
}

function statusBytes(field: string): number {
  const line = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(line?.[1] ?? 0) * 1_024
}

const COUNTER = 0
const LENGTH = 1
const HUNG = 2
const INPUT_AT = 16

/**
 * Looks from another thread whether executions come to an end, since a loop without one would leave no thread to say so. One that
 * takes longer than `limitMs` is told with its input, and ends the process where `fatal`.
 */
export class Watchdog implements AsyncDisposable {
  readonly #words = new Int32Array(new SharedArrayBuffer(INPUT_AT + INPUT_BYTES_MAX))
  readonly #bytes = new Uint8Array(this.#words.buffer, INPUT_AT)
  readonly #worker: Worker

  static async start(limitMs: number, fatal = true): Promise<Watchdog> {
    const watchdog = new Watchdog(limitMs, fatal)
    await new Promise<void>((resolve) => watchdog.#worker.once('message', () => resolve()))
    return watchdog
  }

  private constructor(limitMs: number, fatal: boolean) {
    const workerData = { memory: this.#words.buffer, limitMs, fatal }
    this.#worker = new Worker(WATCH, { eval: true, workerData })
  }

  begin(bytes: Uint8Array): void {
    this.#words[LENGTH] = bytes.length
    this.#bytes.set(bytes)
    Atomics.add(this.#words, COUNTER, 1)
  }

  end(): void {
    Atomics.store(this.#words, LENGTH, -1)
  }

  /** How often it saw an execution that took too long. */
  get hung(): number {
    return Atomics.load(this.#words, HUNG)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}

const WATCH = `
const { parentPort, workerData } = require('node:worker_threads')
const { memory, limitMs, fatal } = workerData
const words = new Int32Array(memory)
const bytes = new Uint8Array(memory, ${INPUT_AT})
let last = -1
setInterval(() => {
  const counter = Atomics.load(words, ${COUNTER})
  const length = Atomics.load(words, ${LENGTH})
  if (counter === last && length >= 0) {
    Atomics.add(words, ${HUNG}, 1)
    if (fatal) {
      require('node:fs').writeSync(2, 'an input that does not end: ' + Buffer.from(bytes.slice(0, length)).toString('hex') + '\\n')
      process.kill(process.pid, 'SIGKILL')
    }
  }
  last = length >= 0 ? counter : -1
}, limitMs)
parentPort.postMessage('ready')
`
