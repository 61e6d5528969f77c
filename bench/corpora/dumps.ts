/** Corpora of two dumps of a database, a day apart. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Corpus } from './corpus.ts'
import { Text } from './material.ts'
import { Seeded } from './seeded.ts'

const TABLES = 8
const ROWS = 300_000
const ROW_NOTE_BYTES_MAX = 200
const WRITE_BYTES = 4 * 1_048_576

interface Row {
  readonly id: number
  readonly line: Uint8Array
}

/** A row as `COPY ... TO stdout` writes it: columns between tabs. */
function rowOf(id: number, text: Text, random: Seeded): Row {
  const note = new Uint8Array(20 + random.below(ROW_NOTE_BYTES_MAX))
  text.fill(note)
  for (let at = 0; at < note.length; at += 1) if (note[at] === 10) note[at] = 32
  const moment = new Date(Date.UTC(2024, 0, 1) + random.below(2 ** 31) * 16).toISOString()
  const head = `${id}\t${random.below(90_000)}\t${moment}\t${random.below(2 ** 32).toString(16)}\t${random.below(100_000) / 100}\t`
  return { id, line: Buffer.concat([Buffer.from(head), note, Buffer.from('\n')]) }
}

/**
 * One day of work on a table: 0.1 % of its rows are changed, and so written at its end, where the server puts a new version of a row;
 * 0.1 % are removed; 0.7 % are added.
 */
function nextDay(rows: readonly Row[], text: Text, random: Seeded): Row[] {
  const kept: Row[] = []
  const changed: Row[] = []
  for (const row of rows) {
    const lot = random.below(1_000)
    if (lot === 0) changed.push(rowOf(row.id, text, random))
    else if (lot !== 1) kept.push(row)
  }
  const added = Array.from({ length: Math.ceil(rows.length * 0.007) }, (_, index) =>
    rowOf(rows.length + index, text, random),
  )
  // A freed place is taken by one of the new rows now and then, so that these are not all at the end.
  for (let reused = 0; reused < added.length / 10; reused += 1) {
    const row = added.pop()
    if (row !== undefined) kept.splice(random.below(kept.length), 0, row)
  }
  return [...kept, ...changed, ...added]
}

function writeDump(path: string, tables: readonly (readonly Row[])[]): void {
  const fd = openSync(path, 'w')
  tables.forEach((rows, table) => {
    writeSync(fd, `COPY public.table_${table} (id, account, at, token, amount, note) FROM stdin;\n`)
    let batch: Uint8Array[] = []
    let bytes = 0
    const flush = () => {
      writeSync(fd, Buffer.concat(batch))
      batch = []
      bytes = 0
    }
    for (const { line } of rows) {
      batch.push(line)
      bytes += line.length
      if (bytes > WRITE_BYTES) flush()
    }
    flush()
    writeSync(fd, '\\.\n\n')
  })
  closeSync(fd)
}

/** Endless days of work on a database, each dumped over the one before. Rows are those of the first day, in all tables. */
export class DailyDumps {
  readonly #random: Seeded
  readonly #text: Text
  #tables: Row[][]

  constructor(seed: string, rows: number) {
    this.#random = new Seeded(seed)
    this.#text = new Text(this.#random)
    this.#tables = Array.from({ length: TABLES }, () =>
      Array.from({ length: Math.ceil(rows / TABLES) }, (_, id) => rowOf(id, this.#text, this.#random)),
    )
  }

  write(path: string): void {
    writeDump(path, this.#tables)
  }

  nextDay(): void {
    this.#tables = this.#tables.map((rows) => nextDay(rows, this.#text, this.#random))
  }
}

function make(place: string, scale: number, names: readonly [string, string]): string[] {
  const random = new Seeded('db-dump')
  const text = new Text(random)
  const today = Array.from({ length: TABLES }, () =>
    Array.from({ length: Math.ceil(ROWS * scale) }, (_, id) => rowOf(id, text, random)),
  )
  const days = [today, today.map((rows) => nextDay(rows, text, random))]
  return days.map((tables, day) => {
    const directory = join(place, `v${day + 1}`)
    mkdirSync(directory, { recursive: true })
    for (let before = 0; before <= day; before += 1)
      if (names[0] !== names[1] || before === day)
        writeDump(join(directory, names[before] as string), days[before] ?? tables)
    return directory
  })
}

const ROWS_SAID = `${TABLES} tables of ${ROWS.toLocaleString('en')} rows`

export const dbDump: Corpus = {
  description: `a dump of a database (${ROWS_SAID}); on the next day 0.1 % of the rows are changed and moved, 0.1 % removed, 0.7 % added`,
  make: (place, { scale }) => make(place, scale, ['dump.sql', 'dump.sql']),
}

export const rotatedDump: Corpus = {
  description: 'the same, where the second dump has another name and lies beside the first',
  make: (place, { scale }) => make(place, scale, ['dump-2025-11-18.sql', 'dump-2025-11-19.sql']),
}
