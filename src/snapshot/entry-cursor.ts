/**
 * Goes through an encoded directory for who compares it with names that are in order already: what has all those names, and no
 * others, is in order too. It makes nothing of what it reads, not even a view for each entry: all the rest of looking at an unchanged file
 * takes a few microseconds.
 */
import { ByteReader } from '../base/bytes.ts'
import { nameBytes } from '../base/names.ts'
import type { FileStat } from '../model/files.ts'
import { ENTRY_AT, ENTRY_BYTES_MIN, isDirectoryEntry } from './entry.ts'
import { isSameFileAt } from './same-entry.ts'
import { ENTRIES_MAX, entryNameBytes, readOwners, TREE_VERSION } from './tree.ts'

export class EntryCursor {
  readonly #reader: ByteReader
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number
  /** Of this entry and those behind it. */
  #count: number
  #length = 0
  #nameLength = 0

  /** At the first entry. `OBJECT_DAMAGED` here and below for what is no encoded directory. */
  constructor(bytes: Uint8Array) {
    const reader = new ByteReader(bytes, 'tree')
    if (reader.u8() !== TREE_VERSION) reader.fail('unknown tree version')
    readOwners(reader)
    this.#count = reader.count(ENTRIES_MAX, ENTRY_BYTES_MIN)
    this.#reader = reader
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = reader.position
    this.#measure()
  }

  get isAtEnd(): boolean {
    return this.#count === 0
  }

  next(): void {
    this.#at += this.#length
    this.#count -= 1
    this.#measure()
  }

  #measure(): void {
    const left = this.#bytes.length - this.#at
    if (this.#count === 0) {
      if (left !== 0) this.#reader.fail(`${left} bytes too many`)
      return
    }
    if (left < ENTRY_BYTES_MIN) this.#reader.fail('an entry is cut short')
    this.#length = this.#view.getUint32(this.#at, true)
    this.#nameLength = this.#view.getUint16(this.#at + ENTRY_AT.nameLength, true)
    if (this.#length > left || ENTRY_AT.name + this.#nameLength > this.#length) {
      this.#reader.fail(`an entry of ${this.#length} bytes`)
    }
  }

  /** How the entry's name compares with `name` by bytes: negative, 0, positive; positive behind the last. */
  order(name: string): number {
    if (this.#count === 0) return 1
    const bytes = this.#bytes
    const start = this.#at + ENTRY_AT.name
    const shared = Math.min(this.#nameLength, name.length)
    for (let index = 0; index < shared; index++) {
      const left = bytes[start + index] ?? 0
      const right = name.charCodeAt(index)
      // Beyond ASCII a character is several bytes, and the name has to be encoded.
      if (left >= 0x80 || right >= 0x80) return Buffer.compare(entryNameBytes(this.entry()), nameBytes(name))
      if (left !== right) return left - right
    }
    return this.#nameLength - name.length
  }

  isDirectory(): boolean {
    return isDirectoryEntry(this.#bytes, this.#at)
  }

  /** As `isSameFile` of the entry. */
  isSameFile(stat: FileStat): boolean {
    return isSameFileAt(this.#view, this.#at, stat)
  }

  /** A view. */
  entry(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#at + this.#length)
  }
}
