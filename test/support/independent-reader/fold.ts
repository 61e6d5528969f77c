/** The fold of the log (section 7 of `docs/format.md`): what each entry changes, or why it does not count. Reads no object. */
import { Cursor, violation } from './cursor.ts'

/** In the order of their numbers, which begin at 1. */
export const REASONS = [
  'unreadable',
  'unopened',
  'undecodable',
  'unsigned',
  'list-unreadable',
  'unauthorized',
  'contradiction',
  'chain-broken',
] as const
export type Reason = (typeof REASONS)[number]

/** Why an entry does not count. */
export class NoOp extends Error {
  readonly reason: Reason

  constructor(reason: Reason, message: string) {
    super(`${reason}: ${message}`)
    this.reason = reason
  }
}

const KINDS = [
  'COMMIT',
  'FORGET',
  'UNFORGET',
  'GC',
  'QUARANTINE',
  'ATTEST',
  'KEYS',
  'NOTE',
  'CHECKPOINT',
  'HOLD',
  'UNHOLD',
  'TAG',
] as const
export type Kind = (typeof KINDS)[number]

export function kindOf(number: number): Kind {
  return KINDS[number - 1] ?? violation(`kind ${number} is unknown`)
}

const REVOKED = 0
const ADMIN = 1
const READER = 2
const WRITER = 3
const MAY_WRITE: Readonly<Partial<Record<Kind, readonly number[]>>> = {
  COMMIT: [ADMIN, WRITER],
  ATTEST: [ADMIN, READER],
  NOTE: [ADMIN, READER, WRITER],
}

export type Entry = {
  readonly kind: Kind
  /** Hex. */
  readonly author: string
  readonly number: number
  readonly timeMs: bigint
}

export type IndexReference = { readonly id: string; readonly digest: Buffer }

export type FoldedSnapshot = {
  readonly id: string
  readonly seriesId: string
  readonly headRead: bigint
  readonly timeMs: bigint
  readonly entry: Entry
  /** An encoded `content`. */
  readonly root: Buffer
  readonly indexes: readonly IndexReference[]
  readonly sealedDetails: Buffer
  readonly forgottenBy: Entry | undefined
  readonly held: boolean
  readonly sealedTags: Buffer | undefined
}

export type Key = { readonly role: number; readonly name: string }
export type LiveIndex = { readonly digest: Buffer; readonly entry: Entry; readonly byAdmin: boolean }

export class Fold {
  readonly keys: Map<string, Key>
  readonly snapshots = new Map<string, FoldedSnapshot>()
  readonly indexes = new Map<string, LiveIndex>()
  readonly condemnedIndexes = new Set<string>()
  readonly condemnedPacks = new Set<string>()
  readonly quarantinedPacks = new Set<string>()
  readonly attestedPacks = new Set<string>()
  readonly problems: { readonly number: number; readonly reason: Reason }[] = []

  constructor(firstAdmin: Buffer) {
    this.keys = new Map([[firstAdmin.toString('hex'), { role: ADMIN, name: '' }]])
  }

  /** Applies a decoded payload; `checkpoint` is the fold before it as bytes. Throws `NoOp` and changes nothing. */
  apply(entry: Entry, payload: Payload, checkpoint: () => Buffer): void {
    const role = this.keys.get(entry.author)?.role ?? REVOKED
    if (!(MAY_WRITE[entry.kind] ?? [ADMIN]).includes(role))
      throw new NoOp('unauthorized', `its author may not write ${entry.kind}`)
    if (entry.number === 0 && payload.kind !== 'KEYS') contradiction('the first entry is not KEYS')
    switch (payload.kind) {
      case 'COMMIT':
        this.#commit(entry, payload)
        return
      case 'FORGET':
        for (const id of payload.ids) {
          const snapshot = this.snapshots.get(id)
          if (snapshot !== undefined && snapshot.forgottenBy === undefined && !snapshot.held)
            this.snapshots.set(id, { ...snapshot, forgottenBy: entry })
        }
        return
      case 'UNFORGET':
        this.#unforget(payload.ids)
        return
      case 'GC':
        this.#collect(entry, payload)
        return
      case 'QUARANTINE':
        for (const id of payload.ids) {
          if (this.condemnedPacks.has(id)) continue
          this.quarantinedPacks.add(id)
          this.attestedPacks.delete(id)
        }
        return
      case 'ATTEST':
        for (const id of payload.ids)
          if (!this.condemnedPacks.has(id) && !this.quarantinedPacks.has(id)) this.attestedPacks.add(id)
        return
      case 'KEYS':
        for (const { key, ...grant } of payload.keys) this.keys.set(key, grant)
        return
      case 'HOLD':
      case 'UNHOLD':
        for (const id of payload.ids) this.#change(id, { held: payload.kind === 'HOLD' })
        return
      case 'TAG':
        for (const { id, sealedTags } of payload.tags) this.#change(id, { sealedTags })
        return
      case 'NOTE':
        return
      case 'CHECKPOINT':
        if (!payload.state.equals(checkpoint())) contradiction('it is not the fold before it')
    }
  }

  #commit(entry: Entry, { headRead, indexes, ...snapshot }: Payload & { kind: 'COMMIT' }): void {
    if (this.snapshots.has(snapshot.id)) contradiction('the snapshot id was used before')
    if (headRead < -1n || headRead >= BigInt(entry.number)) contradiction(`head read ${headRead}`)
    for (const index of indexes) this.#fit(index)
    this.#name(entry, indexes)
    const { id, seriesId, timeMs, root, sealedDetails } = snapshot
    const fresh = { forgottenBy: undefined, held: false, sealedTags: undefined }
    this.snapshots.set(id, { id, seriesId, headRead, timeMs, entry, root, indexes, sealedDetails, ...fresh })
  }

  #unforget(ids: readonly string[]): void {
    for (const id of ids) if (!this.snapshots.has(id)) contradiction(`unknown snapshot ${id}`)
    for (const id of ids) this.#change(id, { forgottenBy: undefined })
  }

  #change(id: string, to: Partial<FoldedSnapshot>): void {
    const snapshot = this.snapshots.get(id)
    if (snapshot !== undefined) this.snapshots.set(id, { ...snapshot, ...to })
  }

  #collect(entry: Entry, { packs, gone, indexes, snapshots }: Payload & { kind: 'GC' }): void {
    for (const index of indexes) {
      this.#fit(index)
      if (gone.includes(index.id)) contradiction(`index ${index.id} is new and condemned`)
    }
    for (const id of gone) {
      this.indexes.delete(id)
      this.condemnedIndexes.add(id)
    }
    this.#name(entry, indexes)
    for (const id of packs) {
      this.condemnedPacks.add(id)
      this.quarantinedPacks.delete(id)
      this.attestedPacks.delete(id)
    }
    for (const id of snapshots) {
      const snapshot = this.snapshots.get(id)
      if (snapshot?.forgottenBy !== undefined && !snapshot.held) this.snapshots.delete(id)
    }
  }

  #fit({ id, digest }: IndexReference): void {
    const known = this.indexes.get(id)
    if (known !== undefined && !known.digest.equals(digest)) contradiction(`index ${id} has another hash`)
    if (this.condemnedIndexes.has(id)) contradiction(`index ${id} was condemned`)
  }

  #name(entry: Entry, indexes: readonly IndexReference[]): void {
    const byAdmin = this.keys.get(entry.author)?.role === ADMIN
    for (const { id, digest } of indexes)
      if (!this.indexes.has(id)) this.indexes.set(id, { digest, entry, byAdmin })
  }
}

function contradiction(message: string): never {
  throw new NoOp('contradiction', message)
}

export type Payload =
  | {
      readonly kind: 'COMMIT'
      readonly id: string
      readonly seriesId: string
      readonly headRead: bigint
      readonly timeMs: bigint
      readonly root: Buffer
      readonly indexes: readonly IndexReference[]
      readonly sealedDetails: Buffer
    }
  | {
      readonly kind: 'FORGET' | 'UNFORGET' | 'HOLD' | 'UNHOLD' | 'QUARANTINE' | 'ATTEST'
      readonly ids: readonly string[]
    }
  | { readonly kind: 'TAG'; readonly tags: readonly { readonly id: string; readonly sealedTags: Buffer }[] }
  | {
      readonly kind: 'GC'
      readonly packs: readonly string[]
      readonly gone: readonly string[]
      readonly indexes: readonly IndexReference[]
      readonly snapshots: readonly string[]
    }
  | { readonly kind: 'KEYS'; readonly keys: readonly (Key & { readonly key: string })[] }
  | { readonly kind: 'NOTE'; readonly sealed: Buffer }
  | { readonly kind: 'CHECKPOINT'; readonly state: Buffer }

export function readPayload(kind: Kind, bytes: Buffer): Payload {
  const cursor = new Cursor(bytes)
  const id = (): string => cursor.take(16).toString('hex')
  const ids = (): string[] => cursor.list(16, id)
  const references = (): IndexReference[] =>
    cursor.list(48, () => ({ id: id(), digest: Buffer.from(cursor.take(32)) }))
  const payload = ((): Payload => {
    switch (kind) {
      case 'COMMIT': {
        const who = { id: id(), seriesId: id(), headRead: cursor.i64(), timeMs: cursor.i64() }
        return {
          kind,
          ...who,
          root: rootFrame(cursor),
          indexes: references(),
          sealedDetails: cursor.varBytes(),
        }
      }
      case 'GC':
        return { kind, packs: ids(), gone: ids(), indexes: references(), snapshots: ids() }
      case 'TAG':
        return { kind, tags: cursor.list(17, () => ({ id: id(), sealedTags: cursor.varBytes() })) }
      case 'KEYS':
        return {
          kind,
          keys: cursor.list(34, () => {
            const [key, role] = [cursor.take(32).toString('hex'), cursor.u8()]
            if (role > WRITER) violation(`role ${role} is unknown`)
            return { key, role, name: cursor.text(1_024) }
          }),
        }
      case 'NOTE':
        return { kind, sealed: cursor.varBytes() }
      case 'CHECKPOINT':
        return { kind, state: cursor.rest() }
      default:
        return { kind, ids: ids() }
    }
  })()
  cursor.end(kind)
  return payload
}

/** Levels and length are looked at, the items are not. */
function rootFrame(cursor: Cursor): Buffer {
  const start = cursor.at
  const levels = cursor.u8()
  if (levels > 4) violation(`a root of ${levels} levels`)
  cursor.varBytes(1_048_576)
  return Buffer.from(cursor.bytes.subarray(start, cursor.at))
}
