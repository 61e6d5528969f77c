import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { SnapError } from '../../src/model/errors.ts'
import type { SnapshotId } from '../../src/model/ids.ts'
import { Chance } from '../support/builders.ts'
import { Figures, sized } from '../support/figures.ts'
import { restoreInto, verifyAll } from '../support/hostile/sandbox.ts'
import { compareListings, digestTree, listingLines } from '../support/independent-reader/listing.ts'
import { TestRepository } from '../support/repository.ts'

/** Bytes pass here on their way between the stages of a backup; one of them, once, leaves with another bit. */
const memory = vi.hoisted(() => ({
  stage: '',
  /** Passes before the one that is hit. */
  skip: 0,
  /** Which bit, as a share of all. */
  where: 0,
  passes: new Map<string, number>(),
  pass(stage: string, bytes: Uint8Array): void {
    this.passes.set(stage, (this.passes.get(stage) ?? 0) + 1)
    if (stage !== this.stage || bytes.length === 0 || this.skip-- !== 0) return
    const bit = Math.floor(this.where * bytes.length * 8)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  },
}))

vi.mock('../../src/filesystem/source-files.ts', async (original) => {
  const actual = await original<typeof import('../../src/filesystem/source-files.ts')>()
  const createSourceFiles: typeof actual.createSourceFiles = () => {
    const source = actual.createSourceFiles()
    const read: typeof source.read = (fd, into, at, bytes, position) => {
      const count = source.read(fd, into, at, bytes, position)
      memory.pass('read', into.subarray(at, at + count))
      return count
    }
    return { ...source, read }
  }
  return { ...actual, createSourceFiles }
})
vi.mock('../../src/crypto/blake3.ts', async (original) => {
  const actual = await original<typeof import('../../src/crypto/blake3.ts')>()
  const createChunkHasher: typeof actual.createChunkHasher = (key) => {
    const hasher = actual.createChunkHasher(key)
    return {
      hashInto: (data, out, at) => {
        hasher.hashInto(data, out, at)
        memory.pass('named', data)
        memory.pass('id', out.subarray(at, at + 32))
      },
    }
  }
  return { ...actual, createChunkHasher }
})
vi.mock('../../src/pack/segment.ts', async (original) => {
  const actual = await original<typeof import('../../src/pack/segment.ts')>()
  const encodeSegment: typeof actual.encodeSegment = (zstd, plain, level, into, delta) => {
    memory.pass('segment', plain)
    const length = actual.encodeSegment(zstd, plain, level, into, delta)
    memory.pass('compressed', into.subarray(0, length))
    return length
  }
  return { ...actual, encodeSegment }
})
vi.mock('../../src/crypto/aead.ts', async (original) => {
  const actual = await original<typeof import('../../src/crypto/aead.ts')>()
  const createPackSealer: typeof actual.createPackSealer = (key) => {
    const sealer = actual.createPackSealer(key)
    const seal: typeof sealer.seal = (aad, parts, into, at) => {
      const length = sealer.seal(aad, parts, into, at)
      memory.pass('sealed', into.subarray(at, at + length))
      return length
    }
    return { ...sealer, seal }
  }
  return { ...actual, createPackSealer }
})
vi.mock('../../src/snapshot/tree.ts', async (original) => {
  const actual = await original<typeof import('../../src/snapshot/tree.ts')>()
  const encodeTree: typeof actual.encodeTree = (owners, entries) => {
    const bytes = actual.encodeTree(owners, entries)
    memory.pass('tree', bytes)
    return bytes
  }
  return { ...actual, encodeTree }
})
vi.mock('../../src/pack/index-object.ts', async (original) => {
  const actual = await original<typeof import('../../src/pack/index-object.ts')>()
  const encodeIndex: typeof actual.encodeIndex = (tables) => {
    const bytes = actual.encodeIndex(tables)
    memory.pass('index', bytes)
    return bytes
  }
  return { ...actual, encodeIndex }
})
vi.mock('../../src/repository/pack-store.ts', async (original) => {
  const { PackStore, ...actual } = await original<typeof import('../../src/repository/pack-store.ts')>()
  class Spoiling extends PackStore {
    override store(pack: Parameters<InstanceType<typeof PackStore>['store']>[0]): Promise<number> {
      memory.pass('handed over', pack.bytes)
      return super.store(pack)
    }
  }
  return { ...actual, PackStore: Spoiling }
})
vi.mock('../../src/log/payloads.ts', async (original) => {
  const actual = await original<typeof import('../../src/log/payloads.ts')>()
  const encodePayload: typeof actual.encodePayload = (payload) => {
    const bytes = actual.encodePayload(payload)
    if (payload.kind === 'commit') memory.pass('payload', bytes)
    return bytes
  }
  return { ...actual, encodePayload }
})
vi.mock('../../src/log/entry.ts', async (original) => {
  const actual = await original<typeof import('../../src/log/entry.ts')>()
  const signEntry: typeof actual.signEntry = (...args) => {
    const body = actual.signEntry(...args)
    memory.pass('entry', body)
    return body
  }
  const sealEntry: typeof actual.sealEntry = (...args) => {
    const bytes = actual.sealEntry(...args)
    memory.pass('sealed entry', bytes)
    return bytes
  }
  return { ...actual, signEntry, sealEntry }
})

type Stage = { readonly stage: string; readonly where: string; readonly isCaught: boolean }

/** In the order in which bytes pass. `isCaught`: the program promises to. */
const STAGES: readonly Stage[] = [
  { stage: 'named', where: 'a chunk, between its hash and its segment', isCaught: true },
  { stage: 'id', where: "a chunk's id", isCaught: true },
  { stage: 'segment', where: 'a full segment, before it is compressed', isCaught: true },
  { stage: 'compressed', where: 'a compressed segment, before it is sealed', isCaught: true },
  { stage: 'sealed', where: 'what is sealed in a pack: segments, footer, trailer', isCaught: true },
  { stage: 'handed over', where: 'a pack, between its check and the storage', isCaught: true },
  { stage: 'put pack', where: "a pack, in the storage's own hands", isCaught: false },
  { stage: 'tree', where: 'an encoded directory, before it is cut and named', isCaught: true },
  { stage: 'index', where: 'the table of an index object, before it is sealed', isCaught: true },
  { stage: 'put index', where: 'an index object, on its way to the storage', isCaught: true },
  { stage: 'payload', where: 'what a COMMIT says, before it is signed', isCaught: true },
  { stage: 'entry', where: 'a signed log entry, before it is sealed', isCaught: true },
  { stage: 'sealed entry', where: 'a sealed log entry, before it is stored', isCaught: true },
]

/** Of each stage. Those without a promise are measured with fewer. */
const FLIPS = sized(12, 1_000)
const SHARE = 0.999

const figures = new Figures('T8', import.meta.url)

type Outcome = 'caught' | 'harmless' | 'missed, found by verify' | 'missed'

class Trial implements AsyncDisposable {
  readonly #repo: TestRepository
  readonly #lines: readonly string[]

  static async create(chance: Chance): Promise<Trial> {
    memory.stage = ''
    const repo = await TestRepository.create()
    mkdirSync(repo.source('directory'), { recursive: true })
    for (let n = 0; n < 4; n++) {
      const bytes =
        n % 2 === 0 ? chance.text(chance.between(500, 9_000)) : chance.bytes(chance.between(500, 9_000))
      writeFileSync(repo.source(n < 2 ? `file ${n}` : join('directory', `file ${n}`)), bytes)
    }
    return new Trial(repo)
  }

  private constructor(repo: TestRepository) {
    this.#repo = repo
    this.#lines = listingLines(digestTree(repo.source()), { root: false })
    const put = repo.storage.put.bind(repo.storage)
    Object.assign(repo.storage, {
      put: (key: string, parts: readonly Uint8Array[]) => {
        const bytes = new Uint8Array(Buffer.concat(parts))
        memory.pass(`put ${key.startsWith('packs/') ? 'pack' : 'index'}`, bytes)
        return put(key, [bytes])
      },
    })
  }

  /** How often bytes pass each stage in a backup of this. */
  async passes(): Promise<ReadonlyMap<string, number>> {
    memory.passes.clear()
    await this.#repo.backup()
    return new Map(memory.passes)
  }

  async flip(stage: string, skip: number, where: number): Promise<Outcome> {
    Object.assign(memory, { stage, skip, where })
    let snapshot: SnapshotId
    try {
      snapshot = (await this.#repo.backup()).snapshot
    } catch {
      return 'caught'
    } finally {
      memory.stage = ''
    }
    if (await this.#isRight(snapshot)) return 'harmless'
    return (await this.#isFound()) ? 'missed, found by verify' : 'missed'
  }

  /** For a client that has only what was stored. */
  async #isRight(snapshot: SnapshotId): Promise<boolean> {
    const repo = this.#repo
    try {
      await repo.reopen({ forgetting: true })
      const target = mkdtempSync(join(repo.directory, 'target-'))
      const { root } = repo.snapshot(snapshot)
      const { failures } = await restoreInto(repo, target, root, { strip: repo.source() })
      const found = listingLines(digestTree(target), { root: false })
      if (failures.length > 0 || compareListings([...this.#lines], found).length > 0) return false
      return (await verifyAll(repo)).damages.length === 0
    } catch (error) {
      if (error instanceof SnapError || (error as Error).message.startsWith('no snapshot')) return false
      throw error
    }
  }

  async #isFound(): Promise<boolean> {
    try {
      return (await verifyAll(this.#repo)).damages.length > 0
    } catch (error) {
      if (error instanceof SnapError) return true
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#repo[Symbol.asyncDispose]()
  }
}

async function flipsAt(stage: string, count: number): Promise<Map<Outcome, number>> {
  const chance = new Chance(8)
  const outcomes = new Map<Outcome, number>()
  await using baseline = await Trial.create(new Chance(8))
  const passes = (await baseline.passes()).get(stage) ?? 0
  expect(passes, stage).toBeGreaterThan(0)
  for (let n = 0; n < count; n++) {
    await using trial = await Trial.create(chance)
    const outcome = await trial.flip(stage, chance.int(passes), chance.int(1e9) / 1e9)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    figures.progress(`flips: ${stage}`, n, count)
  }
  return outcomes
}

describe('a bit that flips in memory during a backup', () => {
  it.each(STAGES)('in $where', async ({ stage, where, isCaught }) => {
    const outcomes = await flipsAt(stage, isCaught ? FLIPS : Math.ceil(FLIPS / 4))
    const of = (outcome: Outcome): number => outcomes.get(outcome) ?? 0
    const missed = of('missed') + of('missed, found by verify')
    const told = `saved and wrong, ${of('missed, found by verify')} of them found by the next \`verify --data\``
    figures.record({
      tried: `flips in ${where} (${of('harmless')} more did no harm)`,
      count: of('caught') + missed,
      wrongly: told,
      wrong: missed,
      target: { count: 1, share: SHARE },
    })
    if (isCaught) expect(missed).toBeLessThanOrEqual((1 - SHARE) * (of('caught') + missed))
  })

  it("in the user's bytes, before anything has seen them, is saved as it came: nothing can tell", async () => {
    const outcomes = await flipsAt('read', Math.ceil(FLIPS / 4))
    const missed = (outcomes.get('missed') ?? 0) + (outcomes.get('missed, found by verify') ?? 0)
    figures.record({
      tried:
        "flips in the user's bytes between the disk and the first hash, which nothing can tell from a change",
      count: missed + (outcomes.get('caught') ?? 0),
      wrongly: 'saved as they came',
      wrong: missed,
    })
    expect(missed).toBeGreaterThan(0)
  })
})
