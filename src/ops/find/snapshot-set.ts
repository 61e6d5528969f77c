/** Some of a list of snapshots, by their places in the list: one bit each. */

export class SnapshotSet {
  readonly #bits: Uint8Array

  /** `count`: how long the list is. */
  constructor(count: number, members: Iterable<number> = []) {
    this.#bits = new Uint8Array(Math.ceil(count / 8))
    for (const member of members) this.add(member)
  }

  add(member: number): void {
    const byte = member >> 3
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (member & 7))
  }

  has(member: number): boolean {
    return ((this.#bits[member >> 3] ?? 0) & (1 << (member & 7))) !== 0
  }

  get isEmpty(): boolean {
    return this.#bits.every((byte) => byte === 0)
  }

  /** Those in this, in the other, or in both: a new set. */
  or(other: SnapshotSet): SnapshotSet {
    const both = new SnapshotSet(this.#bits.length * 8)
    for (let index = 0; index < this.#bits.length; index++)
      both.#bits[index] = (this.#bits[index] ?? 0) | (other.#bits[index] ?? 0)
    return both
  }

  /** Those in both: a new set. */
  and(other: SnapshotSet): SnapshotSet {
    const both = new SnapshotSet(this.#bits.length * 8)
    for (let index = 0; index < this.#bits.length; index++)
      both.#bits[index] = (this.#bits[index] ?? 0) & (other.#bits[index] ?? 0)
    return both
  }

  /** In rising order. */
  members(): number[] {
    const members: number[] = []
    for (let byte = 0; byte < this.#bits.length; byte++) {
      if (this.#bits[byte] === 0) continue
      for (let bit = 0; bit < 8; bit++) if (this.has(byte * 8 + bit)) members.push(byte * 8 + bit)
    }
    return members
  }
}
