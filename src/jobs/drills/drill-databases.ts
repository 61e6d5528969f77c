/** The databases among what a drill has restored: each is opened, or restored into a server, and held against what the snapshot records. */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { systemPath } from '../../base/names.ts'
import { realPath } from '../../filesystem/absolute-path.ts'
import type { SnapshotSource } from '../../log/details.ts'
import type { Random } from '../../model/clock.ts'
import { messageOf } from '../../model/errors.ts'
import { namesOf } from '../../ops/restore/selection.ts'
import type { Config, PostgresServer } from '../config/config.ts'
import type { DrillConfig } from '../config/drill.ts'
import { type CopyProgram, inspectedSqlite } from '../sources/copied-sqlite.ts'
import { parsePostgresAddress } from '../sources/postgres-address.ts'
import { readSecret } from '../sources/secret-file.ts'
import { postgresDifferences, sqliteDifferences } from './compare-facts.ts'
import type { DrilledDatabase } from './drill-report.ts'
import { ScratchDatabase } from './scratch-database.ts'

export type DatabasePorts = {
  /** Inspects a SQLite database. */
  readonly inspectProgram: CopyProgram
  readonly random: Random
  readonly signal: AbortSignal
  readonly said: (source: string, line: string) => void
  readonly note: (text: string) => void
  readonly warn: (text: string) => void
}

const KINDS = ['sqlite', 'postgres', 'postgres-cluster']

export const isDatabase = ({ kind }: SnapshotSource): boolean => KINDS.includes(kind)

export class DrillDatabases {
  readonly #config: Config
  readonly #drill: DrillConfig
  readonly #scratch: string
  readonly #owner: string
  readonly #ports: DatabasePorts
  readonly #made: ScratchDatabase[] = []
  /** What probes are told of where each is. */
  readonly environment: Record<string, string> = {}

  /** `scratch`: what was restored. `owner`: of this drill of this machine. */
  constructor(config: Config, drill: DrillConfig, scratch: string, owner: string, ports: DatabasePorts) {
    this.#config = config
    this.#drill = drill
    this.#scratch = scratch
    this.#owner = owner
    this.#ports = ports
  }

  /** What is wrong with it is in the answer. `source`: a database. */
  async check(source: SnapshotSource): Promise<DrilledDatabase> {
    const { name = '', kind, paths } = source
    const about = { source: name, kind }
    if (this.#drill.databases.kind === 'none')
      return { ...about, result: 'not restored', reasons: ['the drill is to leave databases alone'] }
    if (kind === 'postgres-cluster')
      return { ...about, result: 'not restored', reasons: ['a whole server is not drilled'] }
    try {
      const file = this.#fileAt(paths[0] ?? '')
      const found = kind === 'sqlite' ? await this.#sqlite(source, file) : await this.#postgres(source, file)
      const { reasons } = found
      return { ...about, ...found, result: reasons.length === 0 ? 'good' : 'bad' }
    } catch (error) {
      this.#ports.signal.throwIfAborted()
      return { ...about, result: 'bad', reasons: [messageOf(error)] }
    }
  }

  /** Whatever happened. What cannot be dropped is a warning. */
  async removeAll(): Promise<void> {
    for (const database of this.#made.splice(0)) {
      try {
        await database.drop()
      } catch (error) {
        this.#ports.warn(`the database ${database.name} cannot be dropped: ${messageOf(error)}`)
      }
    }
  }

  /** A regular file of what was restored; a link could lead to one that is in use. */
  #fileAt(path: string): string {
    const file = join(this.#scratch, ...namesOf(path))
    const isFile = lstatSync(systemPath(file), { throwIfNoEntry: false })?.isFile() === true
    if (!isFile) throw new Error('it was not restored')
    if (realPath(file) !== file) throw new Error('a link leads to it')
    return file
  }

  async #sqlite({ name = '', facts }: SnapshotSource, file: string): Promise<Found> {
    const { inspectProgram, signal } = this.#ports
    const found = await inspectedSqlite(inspectProgram, file, signal)
    this.#tell(name, file)
    const counts = Object.values(found.rows)
    const rows = counts.reduce((sum, count) => sum + count, 0)
    return { tables: counts.length, rows, reasons: sqliteDifferences(facts, found) }
  }

  async #postgres({ name = '', facts }: SnapshotSource, file: string): Promise<Found> {
    const { signal, random, note, warn, said } = this.#ports
    const { server, mayLack } = this.#serverOf(name)
    const database = new ScratchDatabase(server, `${this.#owner} ${name}`, random)
    await database.removeFormer(`${this.#owner} ${name}`, signal, (each, reason) =>
      reason === undefined
        ? note(`dropped ${each}, which an earlier drill had left`)
        : warn(`the database ${each}, which an earlier drill had left, stays: ${reason}`),
    )
    this.#made.push(database)
    const format = file.endsWith('.sql') ? 'plain' : 'custom'
    await database.restore({ file, format }, signal, { said: (line) => said(name, line) })
    this.#tell(name, database.name)
    const counts = await database.counts(signal)
    return { ...counts, reasons: mayLack ? [] : postgresDifferences(facts, counts) }
  }

  /** `mayLack`: the dump may have been told to leave something out. */
  #serverOf(name: string): { readonly server: PostgresServer; readonly mayLack: boolean } {
    const source = this.#config.sources.get(name)
    const own = source?.kind === 'postgres' ? source.postgres : undefined
    const mayLack = own === undefined || own.options.length > 0
    const { databases } = this.#drill
    if (databases.kind === 'server') {
      const { address } = databases
      const text = address.kind === 'text' ? address.text : readSecret(address.path)
      return { server: { ...parsePostgresAddress(text), programs: own?.programs }, mayLack }
    }
    if (own === undefined)
      throw new Error(`the configuration has no PostgreSQL source ${name}: name a server with databases.to`)
    return { server: own, mayLack }
  }

  #tell(source: string, place: string): void {
    this.environment[`SNAP_DATABASE_${source.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`] = place
  }
}

type Found = Pick<DrilledDatabase, 'tables' | 'rows' | 'reasons'>
