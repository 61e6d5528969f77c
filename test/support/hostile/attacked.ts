/** A repository with a good snapshot, to be attacked, and the parts to forge objects with its own keys. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ByteWriter, encodeText } from '../../../src/base/bytes.ts'
import { sealObject } from '../../../src/crypto/aead.ts'
import { hash } from '../../../src/crypto/blake3.ts'
import { type EntryFields, sealEntry, signEntry } from '../../../src/log/entry.ts'
import { type CommitPayload, encodePayload, type LogPayload } from '../../../src/log/payloads.ts'
import type { RepositoryId, SnapshotId } from '../../../src/model/ids.ts'
import { seriesId, snapshotId } from '../../../src/model/ids.ts'
import { writeObjectHeader } from '../../../src/object/header.ts'
import { logKey } from '../../../src/object/object-keys.ts'
import { TestRepository } from '../repository.ts'
import { DETAILS, HostileSnapshot } from './hostile-snapshot.ts'
import { Sandbox } from './sandbox.ts'
import { GOOD } from './stack.ts'

export type EntryLies = Partial<EntryFields> & {
  readonly seed?: Uint8Array
  /** Signed for another repository. */
  readonly repository?: RepositoryId
  /** Of the signed body. */
  readonly patch?: (body: Uint8Array) => Uint8Array | undefined
}

export class Attacked implements AsyncDisposable {
  readonly repo: TestRepository
  readonly sandbox: Sandbox
  readonly good: SnapshotId
  readonly hostile: HostileSnapshot
  #snapshots = 0

  static async create(): Promise<Attacked> {
    const repo = await TestRepository.create()
    for (const [name, text] of Object.entries(GOOD)) {
      const path = repo.source('good', name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    const { snapshot } = await repo.backup()
    return new Attacked(repo, snapshot, await HostileSnapshot.begin(repo.repository))
  }

  private constructor(repo: TestRepository, good: SnapshotId, hostile: HostileSnapshot) {
    this.repo = repo
    this.good = good
    this.hostile = hostile
    this.sandbox = new Sandbox(repo.directory)
  }

  get next(): number {
    return this.repo.repository.log.state.next
  }

  commit(lies: Partial<CommitPayload> = {}): CommitPayload {
    this.#snapshots += 1
    return {
      kind: 'commit',
      snapshot: snapshotId(String(this.#snapshots).padStart(32, 'a')),
      series: seriesId('00'.repeat(16)),
      headRead: this.next - 1,
      timeMs: this.repo.now,
      root: this.repo.snapshot(this.good).root,
      indexes: [],
      details: this.hostile.sealedDetails(DETAILS),
      ...lies,
    }
  }

  /** A signed entry body. */
  body(payload: LogPayload | Uint8Array, lies: EntryLies = {}): Uint8Array {
    const { log, keys, id, clock } = this.repo.repository
    const { seed = keys.signingSeed, repository = id, patch, ...fields } = lies
    const inline = payload instanceof Uint8Array ? payload : encodePayload(payload)
    const kind = payload instanceof Uint8Array ? 'commit' : payload.kind
    const honest = { kind, number: log.state.next, previous: log.state.lastHash, timeMs: clock.now() }
    const body = signEntry({ ...honest, payload: { inline }, ...fields }, repository, seed)
    return patch?.(body) ?? body
  }

  /** Stores a body as log entry, at the next number unless told. */
  async put(body: Uint8Array, number: number = this.next): Promise<void> {
    const { id: repositoryId, keys, random, storage } = this.repo.repository
    const bytes = sealEntry(body, number, { repositoryId, logKey: keys.logKey }, random)
    await storage.put(logKey(number), [bytes])
  }

  async entry(payload: LogPayload | Uint8Array, lies: EntryLies = {}): Promise<void> {
    await this.put(this.body(payload, lies))
  }

  /** An object whose sealed frame is as given. */
  frame(type: 'config' | 'index' | 'log', key: string, secret: Uint8Array, frame: Uint8Array): Uint8Array {
    const header = writeObjectHeader({ type, repository: this.repo.repository.id })
    const aad = Buffer.concat([header, encodeText(key)])
    return Buffer.concat([header, sealObject(secret, aad, frame, this.repo.repository.random)])
  }

  plant(key: string, bytes: Uint8Array): void {
    this.repo.storage.objects.set(key, { bytes: new Uint8Array(bytes), storedAt: 0 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.repo[Symbol.asyncDispose]()
  }
}

/** A body, its length before it, and padding as given. */
export function framed(body: Uint8Array, padding: Uint8Array): Uint8Array {
  return new ByteWriter().u32(body.length).raw(body).raw(padding).done()
}

export const hashOf = (bytes: Uint8Array): Uint8Array => hash(bytes)
