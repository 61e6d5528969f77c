/** What files are made of: text, records and noise, in the proportions of a system's disk. */
import type { Seeded } from './seeded.ts'

const VOCABULARY = 8_192
const LETTERS = 'eeeetttaaooiinnsshhrrddlluccmmffppggwyybbvk'
const NEW_LINE = 10
const SPACE = 32
const LINE_BYTES = 80
const RECORD_BYTES = 64

/** Writes words, numbers and lines; compresses to about a third. */
export class Text {
  #random: Seeded
  #words: Uint8Array[]

  constructor(random: Seeded) {
    this.#random = random
    this.#words = Array.from({ length: VOCABULARY }, () =>
      Uint8Array.from({ length: 2 + random.below(9) }, () =>
        LETTERS.charCodeAt(random.below(LETTERS.length)),
      ),
    )
  }

  fill(target: Uint8Array): void {
    let line = 0
    for (let at = 0; at < target.length; ) {
      const word = this.#words[this.#random.skewed(VOCABULARY + 1) % VOCABULARY] as Uint8Array
      const bytes = Math.min(word.length, target.length - at)
      for (let index = 0; index < bytes; index += 1) target[at + index] = word[index] as number
      at += bytes
      line += bytes + 1
      if (at < target.length) target[at] = line < LINE_BYTES ? SPACE : NEW_LINE
      if (line >= LINE_BYTES) line = 0
      at += 1
    }
  }
}

/** Writes records of 64 bytes as tables of machine code and databases have them: counters, flags, few random bytes. */
function fillRecords(target: Uint8Array, random: Seeded): void {
  const view = new DataView(target.buffer, target.byteOffset, target.length)
  let counter = random.below(2 ** 31)
  for (let at = 0; at + RECORD_BYTES <= target.length; at += RECORD_BYTES) {
    counter += 1 + random.below(8)
    view.setUint32(at, counter, true)
    view.setUint32(at + 4, random.below(16) << 16, true)
    view.setUint32(at + 8, random.below(2 ** 32), true)
    view.setUint32(at + 12, 0x40490fdb, true)
    view.setUint32(at + 24, random.skewed(65_536), true)
    view.setUint32(at + 40, random.below(2 ** 16), true)
  }
}

/** Of 16 runs 9 are text, 5 records and 2 noise: roughly what a disk of a system holds; compresses to about a third. */
export function fillMixed(target: Uint8Array, text: Text, random: Seeded): void {
  const kind = random.below(16)
  if (kind < 9) text.fill(target)
  else if (kind < 14) fillRecords(target, random)
  else random.fill(target)
}
