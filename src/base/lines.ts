/** The lines of a text that comes in parts. However long a line is that somebody prints, what is kept of it is bounded. */

export class Lines {
  readonly #charsMax: number
  #open = ''
  /** Of the open line, what is beyond the bound is not kept. */
  #isCut = false

  /** `charsMax`: of a line. */
  constructor(charsMax: number) {
    this.#charsMax = charsMax
  }

  /** The lines that end in `part`. */
  push(part: string): string[] {
    const lines: string[] = []
    let from = 0
    for (let end = part.indexOf('\n'); end >= 0; end = part.indexOf('\n', from)) {
      this.#add(part.slice(from, end))
      lines.push(this.#close())
      from = end + 1
    }
    this.#add(part.slice(from))
    return lines
  }

  /** The last line, where no newline has ended it. */
  end(): string[] {
    return this.#open === '' ? [] : [this.#close()]
  }

  #add(text: string): void {
    // One more shows that there was more.
    const room = this.#charsMax + 1 - this.#open.length
    if (text.length > room) this.#isCut = true
    this.#open += text.slice(0, Math.max(0, room))
  }

  #close(): string {
    const line = this.#isCut || this.#open.length > this.#charsMax ? this.#cut() : this.#open
    this.#open = ''
    this.#isCut = false
    return line
  }

  #cut(): string {
    return cutText(this.#open, this.#charsMax)
  }
}

/** Of what is cut, where a word ends is looked for in so much of it. */
const END_SHARE = 4

/**
 * At most `charsMax` characters of a text, with an ellipsis where there are more. Where it can it ends with a word: half a secret would
 * not be known for one by who takes secrets out of it.
 */
export function cutText(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  const head = text.slice(0, charsMax - 1)
  const end = head.search(/\s\S*$/)
  return `${end > charsMax - charsMax / END_SHARE ? head.slice(0, end) : head}…`
}
