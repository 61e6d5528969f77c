import { beforeEach, describe, expect, it } from 'vitest'
import { CHUNK_ITEM } from '../../../src/snapshot/content.ts'
import { DeltaRun, RUN_BYTES_MAX } from '../../../src/workers/delta-run.ts'
import { FormerContent } from '../../../src/workers/former-content.ts'

/** Chunks are named by letters; those of a run are in lower case by custom. */
const idOf = (letter: string): Uint8Array => new Uint8Array(32).fill(letter.charCodeAt(0))
const nameOf = (id: Uint8Array): string => String.fromCharCode(id[0] ?? 0)
const formerOf = (letters: string): FormerContent =>
  new FormerContent(
    Buffer.concat([...letters].flatMap((letter) => [Uint8Array.of(CHUNK_ITEM), idOf(letter)])),
  )

let runs: { chunks: string; bases: string; bytes: number }[]
let run: DeltaRun

beforeEach(() => {
  runs = []
  run = new DeltaRun(({ ids, lengths, bases, bytes, former }) => {
    const chunks = lengths.map((_, index) => nameOf(ids.subarray(index * 32))).join('')
    runs.push({
      chunks,
      bases: bases.map((place) => nameOf(former.idAt(place))).join(''),
      bytes: bytes.length,
    })
  })
})

/** The next version, chunk by chunk; those that the former one does not have are added. */
function follow(letters: string, bytes = 100): void {
  for (const letter of letters) {
    if (!run.match(idOf(letter)))
      run.add(new Uint8Array(bytes).fill(letter.charCodeAt(0)), idOf(letter), true)
  }
}

describe('a run of new chunks', () => {
  it.each([
    ['an edit in the middle', 'ABCDE', 'ABxDE', [['x', 'C']]],
    ['edits side by side', 'ABCDE', 'AxyDE', [['xy', 'BC']]],
    [
      'edits apart',
      'ABCDE',
      'AxCyE',
      [
        ['x', 'B'],
        ['y', 'D'],
      ],
    ],
    ['an edit at the start', 'ABC', 'xBC', [['x', 'A']]],
    ['an edit at the end', 'ABC', 'ABx', [['x', 'C']]],
    ['everything new', 'AB', 'xy', [['xy', 'AB']]],
    ['an insertion, which replaces nothing', 'ABC', 'AxBC', [['x', '']]],
    ['something appended', 'AB', 'ABx', [['x', '']]],
    ['two chunks that have become one', 'ABCD', 'AxD', [['x', 'BC']]],
    ['one chunk that has become two', 'ABC', 'AxyC', [['xy', 'B']]],
    ['an edit before a piece that was moved ahead', 'ABCDE', 'DxBC', [['x', 'E']]],
    ['nothing new', 'ABC', 'ABC', []],
    ['nothing left', 'ABC', '', []],
  ])('is given what stood in its place: %s', (_, former, next, expected) => {
    run.begin(formerOf(former))
    follow(next)
    run.end(true)
    expect(runs.map(({ chunks, bases }) => [chunks, bases])).toEqual(expected)
  })

  it('is given both ends of a wide gap', () => {
    run.begin(formerOf('ABCDEFGHIJKLMNOPQRSTUVWXYZ'))
    follow('AxZ')
    run.end(true)
    expect(runs).toEqual([{ chunks: 'x', bases: 'BCDWXY', bytes: 100 }])
  })

  it('that is long goes on in parts, each given what stands next', () => {
    run.begin(formerOf('ABCDEFGHIJ'))
    follow('abcdef', RUN_BYTES_MAX / 2)
    run.end(true)
    expect(runs.map(({ chunks }) => chunks)).toEqual(['ab', 'cd', 'ef'])
    expect(runs[0]?.bases).toBe('ABCD')
    expect(runs[1]?.bases).toBe('CDBEAF')
    expect(runs[2]?.bases).toBe('EFGHIJ')
  })

  it('of a part of a file begins where the part does, and is handed on at its end', () => {
    run.begin(formerOf('ABCDEF'), 2)
    follow('xE')
    follow('y')
    run.end(false)
    expect(runs).toEqual([
      { chunks: 'x', bases: 'D', bytes: 100 },
      { chunks: 'y', bases: 'FED', bytes: 100 },
    ])
  })

  it('has the bytes of its chunks in order, and is not open after its end', () => {
    let joined: Uint8Array | undefined
    run = new DeltaRun(({ bytes }) => {
      joined = bytes.slice()
    })
    run.begin(formerOf('ABC'))
    follow('Axy', 3)
    expect(run.isOpen).toBe(true)
    run.end(true)
    expect(Buffer.from(joined ?? []).toString()).toBe('xxxyyy')
    expect(run.isOpen).toBe(false)
    expect(run.match(idOf('A'))).toBe(false)
  })

  it('against which nothing was gained is given no bases', () => {
    const former = formerOf('ABC')
    former.isHopeless = true
    run.begin(former)
    follow('AxC')
    run.end(true)
    expect(runs).toEqual([{ chunks: 'x', bases: '', bytes: 100 }])
  })
})
