import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ByteReader } from '../../src/base/bytes.ts'
import { LOG_KINDS } from '../../src/log/entry.ts'
import { allDecoders } from '../support/decoders.ts'
import { Figures, sized } from '../support/figures.ts'
import { type Decoder, type FuzzOutcome, fuzz, Watchdog } from '../support/fuzz.ts'

const EXECUTIONS = sized(20_000, 1_000_000)
const SEED = Number(process.env['SNAP_TEST_SEED'] ?? 14)
/** Growth of the peak over all executions of one decoder: what is collected later is in it. */
const RESIDENT_BYTES_MAX = 150_000_000
const BUFFER_BYTES_MAX = 150_000_000
/** An execution that does not end ends the run. */
const HANG_MS = 10_000

const figures = new Figures('T14', import.meta.url)
const decoders = await allDecoders()
const outcomes: FuzzOutcome[] = []
let watchdog: Watchdog

beforeAll(async () => {
  watchdog = await Watchdog.start(HANG_MS)
})

afterAll(async () => {
  await watchdog[Symbol.asyncDispose]()
  const sum = (pick: (outcome: FuzzOutcome) => number): number =>
    outcomes.reduce((total, outcome) => total + pick(outcome), 0)
  const worst = (pick: (outcome: FuzzOutcome) => number): number => Math.max(...outcomes.map(pick))
  figures.measure({ name: 'decoders', value: outcomes.length, unit: '' })
  figures.measure({ name: 'executions', value: sum(({ executions }) => executions), unit: '' })
  figures.measure({ name: 'inputs that decoded', value: sum(({ accepted }) => accepted), unit: '' })
  const slowest = Math.round(worst(({ slowestMs }) => slowestMs) * 10) / 10
  figures.measure({ name: 'slowest execution', value: slowest, unit: 'ms' })
  const mb = Math.round(worst(({ residentBytes }) => residentBytes) / 1e6)
  figures.measure({ name: 'most memory beyond what was resident', value: mb, unit: 'MB' })
})

describe('a decoder of stored bytes', () => {
  it.each(decoders)('survives anything: $name', async (decoder) => {
    const outcome = await fuzz(decoder, EXECUTIONS, SEED, watchdog)
    outcomes.push(outcome)
    const { executions, failures, residentBytes, bufferBytes, accepted } = outcome
    const isTooLarge = residentBytes > RESIDENT_BYTES_MAX || bufferBytes > BUFFER_BYTES_MAX
    figures.record({
      tried: `inputs of: ${decoder.name}`,
      count: executions,
      wrongly: 'crashes, hangs or blow-ups',
      wrong: failures.length + (isTooLarge ? 1 : 0),
      target: { count: EXECUTIONS, wrong: 0 },
    })
    expect(failures).toEqual([])
    expect(residentBytes).toBeLessThan(RESIDENT_BYTES_MAX)
    expect(bufferBytes).toBeLessThan(BUFFER_BYTES_MAX)
    expect(decoder.seeds.length).toBeGreaterThan(0)
    expect(accepted).toBeGreaterThan(0)
  })
})

/** Sources that read bytes and are no decoders of what is stored. */
const OTHERS = [
  'base/bytes.ts', // the reader itself
  'chunker/gear.ts', // numbers out of a hash
  'crypto/aead.ts', // writes a nonce
  'cli/output/concealing.ts', // a line that this program prints
  'daemon/api/server.ts', // what whoever has the token says; zod checks it
  'jobs/sources/copied-sqlite.ts', // what another process of this program says
  'jobs/sources/postgres.ts', // what the user's own server says of itself
  'jobs/state/state.ts', // the local history: what it gives is decoded elsewhere
  'main.ts', // package.json
  'manifest/chunks-table.ts', // the local database
  'manifest/connection.ts',
  'ops/wal/local-wal.ts', // the first bytes of a server's own pg_control
  'snapshot/same-entry.ts', // entries that were decoded before
  'workers/seen-table.ts', // shared memory
]

describe('the list of decoders', () => {
  it('has every source file that reads bytes or JSON', () => {
    const root = join(import.meta.dirname, '..', '..', 'src')
    const names = readdirSync(root, { recursive: true }) as string[]
    const reading = names
      .filter((name) => name.endsWith('.ts') && !name.includes('assembly'))
      .filter((name) => /new ByteReader\(|: ByteReader\b|JSON\.parse\(|new DataView\(/.test(source(name)))
    const covered = new Set(decoders.map(({ from }) => from))
    expect(reading.filter((name) => !covered.has(name) && !OTHERS.includes(name))).toEqual([])

    function source(name: string): string {
      return readFileSync(join(root, name), 'utf8')
    }
  })

  it('has the payload of every kind of log entry', () => {
    const names = new Set(decoders.map(({ name }) => name))
    expect(LOG_KINDS.filter((kind) => !names.has(`payload of ${kind.toUpperCase()}`))).toEqual([])
  })
})

/** A sound decoder of a count and so many numbers, with a fault planted where `fault` says. */
function planted(fault: (count: number) => void): Decoder {
  return {
    name: 'planted',
    seeds: [Uint8Array.of(2, 1, 0, 0, 0, 2, 0, 0, 0)],
    run: (bytes) => {
      const reader = new ByteReader(bytes, 'planted')
      const count = reader.u8()
      fault(count)
      if (count * 4 > reader.left) reader.fail('too many')
      for (let index = 0; index < count; index++) reader.u32()
      reader.end()
    },
  }
}

const spin = (ms: number): void => {
  for (const end = performance.now() + ms; performance.now() < end; );
}

describe('the fuzzer', () => {
  it('sees nothing in a sound decoder', async () => {
    const { failures, executions, accepted } = await fuzz(
      planted(() => undefined),
      5_000,
      1,
    )
    expect(failures).toEqual([])
    expect(executions).toBe(5_000)
    expect(accepted).toBeGreaterThan(10)
  })

  it('sees a crash', async () => {
    const crash = planted((count) => {
      if (count === 128) throw new RangeError('planted')
    })
    expect((await fuzz(crash, 5_000, 1)).failures[0]).toMatch(/^RangeError: planted: 80/)
  })

  it('sees a valid input that is refused, and an error of another code', async () => {
    const refusing = { ...planted(() => undefined), seeds: [Uint8Array.of(1)] }
    expect((await fuzz(refusing, 1, 1)).failures[0]).toMatch(/^a valid input was refused/)
    const wrongCode: Decoder = {
      name: 'key',
      seeds: [],
      run: () => decoders.find(({ name }) => name === 'key file')?.run(Uint8Array.of(1)),
    }
    expect((await fuzz(wrongCode, 1, 1)).failures[0]).toMatch(/not a key file/)
  })

  it('sees what is slow', async () => {
    const slow = planted((count) => {
      if (count === 127) spin(60)
    })
    expect((await fuzz(slow, 5_000, 1)).failures[0]).toMatch(/^\d+ ms: 7f/)
  })

  it('sees memory that is taken before a count is checked', async () => {
    const kept: Uint8Array[] = []
    const greedy = planted((count) => {
      if (count === 255 && kept.length < 4) kept.push(new Uint8Array(100_000_000).fill(kept.length % 2))
    })
    const { residentBytes, bufferBytes } = await fuzz(greedy, 5_000, 1)
    expect(residentBytes).toBeGreaterThan(RESIDENT_BYTES_MAX)
    expect(bufferBytes).toBeGreaterThan(BUFFER_BYTES_MAX)
  })

  it('sees from another thread what does not come to an end', async () => {
    await using observer = await Watchdog.start(100, false)
    const hanging = planted((count) => {
      if (count === 64) spin(400)
    })
    await fuzz({ ...hanging, seeds: [...hanging.seeds, Uint8Array.of(64)] }, 2, 1, observer)
    expect(observer.hung).toBeGreaterThan(0)
  })
})
