/**
 * What a base backup of a PostgreSQL cluster says of itself while it comes by as a tar archive: its first member says where its WAL
 * begins, its last one lists all others and says where that WAL ends. Knows neither the server nor the repository.
 */
import { parseLsn, parseWalName, segmentName, segmentOfLsn } from '../../ops/wal/wal-name.ts'
import { type TarMember, TarParser } from './tar-parser.ts'

const FIRST = 'backup_label'
const LAST = 'backup_manifest'
const CONTROL = 'global/pg_control'
const LABEL_BYTES_MAX = 65_536
/** Of the manifest's end, in which the ranges of WAL stand. */
const MANIFEST_TAIL_BYTES = 4_096

export type BaseArchiveFacts = {
  readonly timeline: number
  readonly startSegment: string
  readonly endSegment: string
}

/** Watches the bytes; throws an `Error` where they are no whole base backup. */
export class BaseArchive {
  readonly #parser = new TarParser()
  readonly #label: Uint8Array[] = []
  #members = 0
  #last: TarMember | undefined
  #tail: Uint8Array = new Uint8Array(0)
  #hasControl = false

  push(bytes: Uint8Array): void {
    for (const event of this.#parser.push(bytes)) {
      if ('member' in event) this.#begin(event.member)
      else if (this.#members === 1) this.#label.push(event.data.slice())
      else if (this.#last?.name === LAST)
        this.#tail = Buffer.concat([this.#tail, event.data.subarray(-MANIFEST_TAIL_BYTES)]).subarray(
          -MANIFEST_TAIL_BYTES,
        )
    }
  }

  #begin(member: TarMember): void {
    this.#members += 1
    if (this.#members === 1 && (member.name !== FIRST || member.size > LABEL_BYTES_MAX))
      throw new Error(`what was printed is no base backup: it does not begin with ${FIRST}`)
    if (member.name === CONTROL) this.#hasControl = true
    this.#last = member
    this.#tail = new Uint8Array(0)
  }

  finish(segmentBytes: number): BaseArchiveFacts {
    this.#parser.finish()
    if (this.#last?.name !== LAST)
      throw new Error(`the base backup is cut short: ${LAST} is not its last file`)
    if (!this.#hasControl) throw new Error(`the base backup is not whole: ${CONTROL} is missing`)
    const { startSegment, timeline } = parseBackupLabel(Buffer.concat(this.#label).toString('latin1'))
    const end = walEndIn(Buffer.from(this.#tail).toString('latin1'))
    // Where a range ends at the first byte of a segment, nothing of that segment is in it.
    const last = segmentOfLsn(end.lsn - 1n, segmentBytes)
    return { timeline, startSegment, endSegment: segmentName(end.timeline, last, segmentBytes) }
  }
}

/** `START WAL LOCATION: 0/3000028 (file 000000010000000000000003)` */
export function parseBackupLabel(label: string): {
  readonly startSegment: string
  readonly timeline: number
} {
  const [, startSegment = ''] =
    /^START WAL LOCATION: [0-9A-F/]{3,17} \(file ([0-9A-F]{24})\)$/m.exec(label) ?? []
  const parsed = parseWalName(startSegment)
  if (parsed?.kind !== 'segment') throw new Error(`${FIRST} does not say where the WAL begins`)
  return { startSegment, timeline: parsed.timeline }
}

/** `"WAL-Ranges": [ { "Timeline": 1, "Start-LSN": "0/3000028", "End-LSN": "0/3000100" } ]`: of the last range. */
function walEndIn(tail: string): { readonly timeline: number; readonly lsn: bigint } {
  const ranges = tail.slice(tail.lastIndexOf('"WAL-Ranges"'))
  const [, timeline, place = ''] =
    [
      ...ranges.matchAll(
        /"Timeline": (\d{1,10}), "Start-LSN": "[0-9A-F/]{3,17}", "End-LSN": "([0-9A-F/]{3,17})"/g,
      ),
    ].at(-1) ?? []
  const lsn = parseLsn(place)
  if (timeline === undefined || lsn === undefined || lsn === 0n)
    throw new Error(`${LAST} does not say where the WAL ends`)
  return { timeline: Number(timeline), lsn }
}
