/**
 * The port to where a repository's objects lie. A backend knows keys and bytes; it knows nothing of packs,
 * keys or snapshots. Every implementation and wrapper passes `test/contract/storage.ts`.
 */

/** `config`, `log/0000000000000007`, `packs/3f/3f9c...`: lower-case letters, digits and `/`, at most 128 bytes. */
export type ObjectKey = string

export type ObjectStat = {
  readonly key: ObjectKey
  readonly bytes: number
  /** When the storage itself received the object, ms since the epoch by the storage's clock. Never used for safety. */
  readonly storedAt: number
}

export type ByteRange = { readonly offset: number; readonly bytes: number }

/**
 * All failures are `SnapError`s: `OBJECT_MISSING` (no such key), `REPOSITORY_FULL` (space or quota),
 * `STORAGE_FAILED` (anything else). Nothing is ever partly visible: a key holds all bytes or does not exist.
 */
export interface Storage extends AsyncDisposable {
  /** For messages: a path or URL without secrets. */
  readonly description: string
  /**
   * Stores `parts` one after the other as one object, and returns when it is durable. The caller gives fresh
   * random keys, so that replacing never happens in practice; where the key exists it is replaced atomically.
   * The parts stay the caller's and are not changed.
   */
  put(key: ObjectKey, parts: readonly Uint8Array[]): Promise<void>
  /** Creates the object if the key is absent, atomically and durably. `false`: the key exists and was left alone. */
  create(key: ObjectKey, bytes: Uint8Array): Promise<boolean>
  /**
   * The whole object, or exactly `range` of it; a range that reaches past the end is `OBJECT_DAMAGED`.
   * The bytes are the caller's own, in an ArrayBuffer of their own (transferable).
   */
  read(key: ObjectKey, range?: ByteRange): Promise<Uint8Array<ArrayBuffer>>
  /** `undefined` where the key is absent. */
  stat(key: ObjectKey): Promise<ObjectStat | undefined>
  /** All objects whose key begins with `prefix`, in no particular order. */
  list(prefix: string): AsyncIterable<ObjectStat>
  /** Removes the object; an absent key is fine. */
  remove(key: ObjectKey): Promise<void>
  /**
   * Removes what writers that have ended left of unfinished objects, and nothing that a writer may still be at work on. What
   * cannot be removed now stays for another time. Returns how many there were; 0 where a storage has no such remains.
   */
  sweep(): Promise<number>
  /**
   * Keeps some space back, so that a full storage still takes the log entry with which freeing begins. Does nothing where
   * that is done already, where there is no room, and where a storage has no such limit.
   */
  secureReserve(): Promise<void>
  /** Gives that space free. */
  releaseReserve(): Promise<void>
}
